"""Arrays whose rows start on cache lines, where their width allows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LINE_BYTES = 64


def aligned(n_rows: int, n_columns: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an uninitialised array of rows that starts on a cache line."""
    n_bytes = n_rows * n_columns * dtype.itemsize
    room = np.empty(n_bytes + LINE_BYTES, np.uint8)
    begin = -room.ctypes.data % LINE_BYTES
    return room[begin : begin + n_bytes].view(dtype).reshape(n_rows, n_columns)
