"""Labels of any type as codes: which there are, and which is which."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_SMALL_RANGE = 1 << 12
"""Integers within a range this wide are looked up in a table."""


def distinct(labels: Array) -> Array:
    """Return the sorted distinct labels of a shard, of shape (n,)."""
    table = _range(labels)
    if table is None:
        return np.unique(labels)
    low, width = table
    present = np.bincount(_offsets(labels, low), minlength=width) > 0
    return (np.flatnonzero(present) + low).astype(labels.dtype)


def encode(labels: Array, classes: Array) -> NDArray[np.int32]:
    """Return for each label its place among the sorted classes, which hold all of them."""
    table = _range(labels)
    if table is None:
        return np.searchsorted(classes, labels).astype(np.int32)
    low, width = table
    places = np.searchsorted(classes, np.arange(low, low + width)).astype(np.int32)
    codes: NDArray[np.int32] = places[_offsets(labels, low)]
    return codes


def _range(labels: Array) -> tuple[int, int] | None:
    if labels.dtype.kind not in "biu" or not len(labels):
        return None
    low, high = int(labels.min()), int(labels.max())
    return (low, high - low + 1) if high - low < _SMALL_RANGE else None


def _offsets(labels: Array, low: int) -> NDArray[np.intp]:
    return labels.astype(np.intp) - low if low else labels.astype(np.intp, copy=False)
