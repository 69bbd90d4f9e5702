from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

def fill(rows: NDArray[Any], columns: Sequence[NDArray[Any]], places: Sequence[int]) -> int: ...
