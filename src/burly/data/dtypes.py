"""Numbers in their final dtype: float32 and float64 stay, everything else becomes float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.exceptions import ParseError, SchemaError

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def final_dtype(dtype: np.dtype[Any], asked: np.dtype[Any] | None, where: str) -> np.dtype[Any]:
    """Return what numbers of a dtype are computed with.

    Raises
    ------
    burly.exceptions.SchemaError
        If they are not real numbers.
    """
    if dtype.kind not in "fiub":
        raise SchemaError(f"{where} holds {dtype} where real numbers are needed")
    if asked is not None:
        return asked
    native = dtype.newbyteorder("=")
    return native if native in FLOATS else FLOATS[1]


def cast(values: NDArray[Any], dtype: np.dtype[Any], where: str) -> NDArray[Any]:
    """Return values as C-contiguous, aligned numbers of a dtype; no copy where they are already.

    Raises
    ------
    burly.exceptions.ParseError
        If a finite number becomes infinite.
    """
    try:
        # NumPy sees an overflow in the processor's flags: the check costs no pass of its own.
        with np.errstate(over="raise", invalid="ignore"):
            return np.require(values, dtype, ["C", "A"])
    except FloatingPointError:
        raise ParseError(
            f"{where} holds numbers that are too large for {dtype}; use dtype='float64'"
        ) from None
