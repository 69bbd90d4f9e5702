"""A sampled Hessian, repaired by what is known exactly.

A Hessian B from some thousand rows is a good but noisy model. Three things make it better:

- Shrinking its correlations towards none, by as much as the noise of m rows explains (after the oracle
  approximating shrinkage of Chen, Wiesel, Eldar and Hero, IEEE Trans. Signal Processing 58, 2010).
- A scale: rows curve the objective less as the fit becomes surer.
- Exact products H v = q of the present Hessian with a few vectors, kept by a block BFGS update
  (Gao and Goldfarb, "Block BFGS methods", SIAM J. Optimization 28, 2018)

      B+^-1 = (I - V D Q^T) B^-1 (I - Q D V^T) + V D V^T,  D = (V^T Q)^-1,

  or for the matrix itself B+ = B - B V (V^T B V)^-1 V^T B + Q D Q^T.

All in the flattened scaled coefficients, of length p = n_outputs * D.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from burly.kernels.linear_algebra import cholesky, cholesky_solve, coordinate_descent, dot

Float = NDArray[np.float64]
Pair = tuple[Float, Float]
"""v and q = H v."""

RIDGE = 2e-7
"""Sums in float32 leave this much of a diagonal entry undecided."""
_DEPENDENT = 1e-5
"""A vector that the others explain but for this share brings rounding, not news."""
_SWEEPS = 100
"""Sweeps of coordinate descent before the signs it found are tried."""
_SOLVES, _FINER = 100, 1e-3
"""How many times, and how much finer it gets each time."""


@lru_cache(maxsize=4)
def _upper(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the entries of a lower triangle, row by row, lie in the upper one."""
    below, before = np.tril_indices(n)
    return before, below


def unpack(packed: Float, n: int) -> Float:
    """Return a matrix of shape (n, n) whose upper triangle has these entries, zeros below."""
    matrix = np.zeros((n, n))
    matrix[_upper(n)] = packed
    return matrix


def pack(matrix: Float) -> Float:
    """Return the upper triangle of a matrix as `unpack` takes it."""
    packed: Float = matrix[_upper(len(matrix))]
    return packed


def symmetric(packed: Float, n: int) -> Float:
    """Return the symmetric matrix whose triangle this is."""
    matrix = unpack(packed, n)
    places = _upper(n)
    matrix[places[1], places[0]] = packed
    return matrix


def assemble(hessian: Float, n_outputs: int, width: int) -> Float:
    """Return the upper triangle of the matrix of order n_outputs * width from its blocks' triangles.

    ``hessian`` has one row a pair of outputs (k, l), l <= k; or, for n_outputs rows, the diagonal
    blocks alone.
    """
    if n_outputs == 1:
        return unpack(hessian[0], width)
    matrix = np.zeros((n_outputs * width, n_outputs * width))
    row = 0
    for k in range(n_outputs):
        for other in range(k + 1) if len(hessian) > n_outputs else (k,):
            block = symmetric(hessian[row], width)
            matrix[other * width : (other + 1) * width, k * width : (k + 1) * width] = block
            row += 1
    return matrix


def shrink(matrix: Float, n_rows: int) -> Float:
    """Shrink the correlations of a matrix, upper triangle, by what ``n_rows`` rows leave to chance."""
    n = len(matrix)
    diagonal = np.sqrt(np.maximum(np.diagonal(matrix), 0.0))
    inverse = np.where(diagonal > 0, 1.0 / np.where(diagonal > 0, diagonal, 1.0), 0.0)
    off = np.triu(matrix * inverse[:, np.newaxis] * inverse, 1)
    strength = 2.0 * dot(off, off)
    noise = n * (n - 1.0) / n_rows
    if strength <= 0:
        return matrix
    shrunk = matrix * (1.0 - min(1.0, noise / strength))
    np.fill_diagonal(shrunk, np.diagonal(matrix))
    return shrunk


class Basis:
    """Vectors with their exact products, as many as are independent in the metric of the Hessian."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.vectors: list[Float] = []
        self.products: list[Float] = []
        self.factor = np.empty((0, 0))
        for vector, product in pairs:
            self._offer(vector, product)

    def _offer(self, vector: Float, product: Float) -> None:
        curvature = dot(vector, product)
        if not curvature > 0:
            return
        length = 1.0 / float(np.sqrt(curvature))
        vectors = [*self.vectors, vector * length]
        products = [*self.products, product * length]
        gram = np.array(
            [
                [(dot(v, q) + dot(w, p)) / 2 for w, q in zip(vectors, products, strict=True)]
                for v, p in zip(vectors, products, strict=True)
            ]
        )
        factor, replaced = cholesky(gram, tiny=_DEPENDENT)
        if not replaced:
            self.vectors, self.products, self.factor = vectors, products, factor

    def weigh(self, against: Sequence[Float], x: Float) -> list[float]:
        """Return D (against^T x)."""
        if not self.vectors:
            return []
        values = np.array([dot(v, x) for v in against])
        return [float(value) for value in cholesky_solve(self.factor, values)]


def combine(vectors: Sequence[Float], weights: Sequence[float]) -> Float | float:
    """Return the weighted sum of vectors, in order."""
    total: Float | float = 0.0
    for vector, weight in zip(vectors, weights, strict=True):
        total = total + vector * weight
    return total


def newton_step(factor: Float, scale: float, basis: Basis, gradient: Float) -> Float:
    """Return -B+^-1 gradient, with ``scale`` times U^T U for B."""
    known = basis.weigh(basis.vectors, gradient)
    rest = gradient - combine(basis.products, known)
    rest = cholesky_solve(factor, rest) / scale
    rest = rest - combine(basis.vectors, basis.weigh(basis.products, rest))
    return -(rest + combine(basis.vectors, known))


def repaired(matrix: Float, scale: float, basis: Basis) -> Float:
    """Return B+ for ``scale`` times a symmetric matrix."""
    fixed = matrix * scale
    if not basis.vectors:
        return fixed
    old = [np.array([dot(row, v) for row in fixed]) for v in basis.vectors]
    gram = np.array(
        [
            [(dot(v, c) + dot(w, b)) / 2 for w, c in zip(basis.vectors, old, strict=True)]
            for v, b in zip(basis.vectors, old, strict=True)
        ]
    )
    inner, _ = cholesky(gram)
    for columns, factor, sign in ((old, inner, -1.0), (basis.products, basis.factor, 1.0)):
        for i, unit in enumerate(np.eye(len(columns))):
            weights = cholesky_solve(factor, unit) * sign
            mixed = combine(columns, [float(weight) for weight in weights])
            fixed += columns[i][:, np.newaxis] * mixed
    return (fixed + fixed.T) / 2


def proximal_step(
    matrix: Float, gradient: Float, start: Float, l1: Float, enough: float
) -> tuple[Float, float, float]:
    """Minimise the model with its l1 term.

    Coordinate descent finds which coefficients are zero and the signs of the others, slowly where columns
    go together; given these, the least point is the solution of a linear system.

    Parameters
    ----------
    matrix : ndarray of shape (p, p)
    gradient, start, l1 : ndarray of shape (p,)
    enough : float
        Moves of single coefficients that are worth less may be left out at first.

    Returns
    -------
    step : ndarray of shape (p,)
    decrease : float
        What the model promises.
    slope : float
        The change of the objective to first order, l1 term included: not positive.
    """
    target, slope = start, gradient
    for _ in range(_SOLVES):
        target, slope = coordinate_descent(
            matrix, slope, target, l1, enough=enough, max_sweeps=_SWEEPS
        )
        target, slope, least = _with_these_signs(matrix, slope, target, l1)
        if least:
            break
        enough *= _FINER
    step = target - start
    linear = dot(gradient, step) + dot(l1, np.abs(target) - np.abs(start))
    return step, -(linear + dot(step, slope - gradient) / 2), linear


def _with_these_signs(
    matrix: Float, slope: Float, x: Float, l1: Float
) -> tuple[Float, Float, bool]:
    """Go to the least point of the model among those of x's signs, or to where the first coefficient is zero.

    Returns that point, the slope there, and whether it is the least point of all.
    """
    free = np.flatnonzero((x != 0) | (l1 == 0))
    if not len(free):
        return x, slope, bool(np.all(np.abs(slope) <= l1))
    inner = np.ascontiguousarray(matrix[free[:, np.newaxis], free])
    factor, _ = cholesky(inner)
    downhill = -(slope + l1 * np.sign(x))[free]
    move = cholesky_solve(factor, downhill)
    if not dot(downhill, move) > 0:
        return x, slope, False
    ends = (x[free] + move) * x[free] <= 0
    ends &= l1[free] > 0
    parts = np.where(ends, -x[free] / np.where(move != 0, move, 1.0), 1.0)
    part = min(1.0, float(np.min(parts)))
    reached = np.array(x)
    reached[free] = np.where(ends & (parts <= part), 0.0, x[free] + move * part)
    change = reached - x
    slope = slope + np.array([dot(row, change) for row in matrix])
    held = reached == 0
    least = part == 1.0 and bool(np.all(np.abs(slope[held]) <= l1[held]))
    return reached, slope, least
