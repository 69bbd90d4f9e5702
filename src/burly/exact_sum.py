"""Sums whose bits do not depend on the order of their terms.

A term is rounded to a multiple of a power of two, the quantum, and multiples are added as 64-bit
integers, whose additions commute. The quantum is chosen from a bound on the terms and on their
number, so that no sum overflows. Where one level is too coarse, what it rounds away is summed at a
second level with a smaller quantum (after J. Demmel and H. D. Nguyen, "Parallel Reproducible
Summation", IEEE Transactions on Computers 64, 2015).

With terms of size at most ``2**e`` and at most ``n`` of them, the first quantum is ``2**(e - b)``
where ``b = min(51, 62 - ceil(log2(n)))``: a term is at most ``2**b`` quanta, so a sum is at most
``2**62``. What is left of a term is at most half a quantum, ``2**(e - b - 1)``, which is the bound
of the second level.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.exceptions import DataError

MAX_EXPONENT = 960
"""Terms of 2**960 and more are refused: the arithmetic of the rounding would overflow."""
MIN_EXPONENT = -900
"""Smaller bounds are taken for this one: the quanta of the second level stay normal numbers."""


def levels_for(dtype: np.dtype[Any]) -> int:
    """Return how many levels keep the digits of a type: one for float32, two for float64."""
    return 1 if np.dtype(dtype).itemsize == 4 else 2


def bits_for(max_terms: int) -> int:
    """Return b: terms of at most ``2**b`` quanta, of which ``max_terms`` stay within ``2**62``."""
    return min(51, 62 - max(0, max_terms - 1).bit_length())


@dataclass(frozen=True, eq=False)
class Grid:
    """How the terms of some sums are rounded.

    Attributes
    ----------
    exponents : ndarray of shape (m,), int64
        Terms of sum i are at most ``2.0**exponents[i]`` in size.
    max_terms : int
        No sum has more terms.
    levels : int
        1 or 2.
    """

    exponents: NDArray[np.int64]
    max_terms: int
    levels: int

    @cached_property
    def quanta(self) -> NDArray[np.float64]:
        """Powers of two of shape (levels, m): a sum is the totals of its levels times these."""
        bits = bits_for(self.max_terms)
        steps = (
            np.arange(1, self.levels + 1)[:, np.newaxis] * bits
            + np.arange(self.levels)[:, np.newaxis]
        )
        return np.ldexp(1.0, self.exponents - steps)

    @cached_property
    def limits(self) -> NDArray[np.float64]:
        """The largest size of a term, of shape (m,)."""
        return np.ldexp(1.0, self.exponents)

    def holds(self, magnitudes: NDArray[np.float64]) -> bool:
        """Tell whether terms of these sizes, of shape (m,), are within the bounds."""
        return bool(np.all(magnitudes <= self.limits))

    def round(self, terms: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return terms of shape (..., m) as whole quanta, of shape (levels, ..., m)."""
        rest = np.asarray(terms, dtype=np.float64)
        parts = []
        for quantum in self.quanta:
            nearest = np.rint(rest / quantum)
            parts.append(nearest.astype(np.int64))
            rest = rest - nearest * quantum
        return np.stack(parts)

    def decode(self, totals: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the sums of shape (..., m) for totals of shape (levels, ..., m)."""
        quanta = self.quanta
        sums: NDArray[np.float64] = totals[0] * quanta[0]
        if self.levels == 2:
            sums += totals[1] * quanta[1]
        return sums


def grid_for(bounds: NDArray[np.float64], max_terms: int, levels: int) -> Grid:
    """Choose the grid for terms that are at most ``bounds`` in size.

    Parameters
    ----------
    bounds : ndarray of shape (m,)
        Not negative; zero where all terms are zero.
    max_terms : int
        The largest number of terms a sum can have, at least 1 and at most 2**40.
    levels : int
        1 or 2.

    Raises
    ------
    burly.exceptions.DataError
        If a bound is not finite or too large.
    """
    if not np.all(bounds <= np.ldexp(1.0, MAX_EXPONENT)):
        column = int(np.argmin(bounds <= np.ldexp(1.0, MAX_EXPONENT)))
        raise DataError(
            f"terms of size {float(bounds[column])!r} (column {column}) cannot be summed exactly; "
            f"scale the data below 2**{MAX_EXPONENT}"
        )
    # frexp: bounds = m * 2**e with 0.5 <= m < 1, so 2**e is larger than the bound
    exponents = np.frexp(bounds)[1].astype(np.int64)
    exponents = np.where(bounds > 0, np.maximum(exponents, MIN_EXPONENT), MIN_EXPONENT)
    return Grid(exponents, max_terms, levels)
