"""A look at the first rows: whether float32, the type of CSV and Parquet, keeps what columns say."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.exceptions import PrecisionWarning

_LEAST_STEPS = 1000
"""A column that float32 keeps in fewer steps than this, from its least value to its largest, is told."""


def warn_if_coarse(
    low: NDArray[Any], high: NDArray[Any], names: Sequence[str], *, where: str
) -> None:
    """Warn of columns whose values lie so far from zero that few of float32's lie between them.

    Parameters
    ----------
    low, high : ndarray of shape (n_features,)
        The least and the largest value of each column, as far as they are known; NaN where not.
    names : sequence of str
        Empty where columns have no names.
    where : str
        Where they were seen, for the message.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        step = np.spacing(np.maximum(np.abs(low), np.abs(high)).astype(np.float32)).astype(float)
        spread = high.astype(float) - low
        coarse = np.flatnonzero((spread > 0) & (spread < _LEAST_STEPS * step))
    if not len(coarse):
        return
    at = int(coarse[0])
    more = f" and {len(coarse) - 1} more" if len(coarse) > 1 else ""
    warnings.warn(
        f"column {repr(names[at]) if names else at}{more} of {where}: float32 keeps values near "
        f"{float(high[at]):.6g} in steps of {step[at]:.2g}, and these differ by {spread[at]:.2g} "
        "at most; use dtype='float64', or dtype='float32' to do without this warning",
        PrecisionWarning,
        stacklevel=2,
    )
