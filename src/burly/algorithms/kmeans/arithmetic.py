"""Sums and bounds whose bits are the same on every processor.

NumPy's own sums group their terms by the width of the vectors at hand; a cumulative sum cannot.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.exact_sum import Grid, grid_for

Array = NDArray[Any]
Floats = NDArray[np.float64]


def ordered_sum(values: Floats) -> float:
    """Add all entries, one after the other."""
    return float(np.cumsum(values)[-1]) if values.size else 0.0


def squared_distance(a: Array, b: Array) -> float:
    """Return the sum of the squared differences of two arrays of one shape."""
    apart = a.astype(np.float64) - b
    return ordered_sum((apart * apart).ravel())


def median_row(rows: Array) -> Array:
    """Return the middle entry of each column (of an even number, the lower one)."""
    middle: Array = np.sort(rows, axis=0)[(len(rows) - 1) // 2]
    return middle


def squares_bound(limits: Floats, about: Floats, least_weight: float, most_weight: float) -> Floats:
    """Bound ``w * (x - about)**2`` where ``|w * x| <= limits`` and w lies between two weights."""
    largest = limits / least_weight + np.abs(about)
    bound: Floats = most_weight * (largest * largest)
    return bound


def grid_of(exponents: Array, max_terms: int, levels: int) -> Grid:
    """Return the grid whose exponents a state keeps."""
    return Grid(exponents, max_terms, levels)


def exponents_for(bounds: Floats, max_terms: int) -> Array:
    """Return the exponents of the grid for terms of these sizes."""
    return grid_for(bounds, max_terms, 2).exponents
