"""Linear algebra for `update`: one fixed order of operations, so the same bits on every processor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burly import kernels

Float = NDArray[np.float64]

LOST = 1e-12
"""A pivot this small beside its diagonal entry has lost its digits."""


def dot(a: Float, b: Float) -> float:
    """Return the sum of the products of the entries of two arrays of one shape."""
    return float(kernels.native().dot(_flat(a), _flat(b)))


def logarithm(x: float) -> float:
    """Return ln x of a normal positive number."""
    return float(kernels.native().logarithm(x))


def cholesky(matrix: Float, *, tiny: float = LOST) -> tuple[Float, int]:
    """Factor a symmetric matrix of shape (n, n), of which the upper triangle is read.

    A pivot of at most ``tiny`` times its diagonal entry is replaced by that entry, which leaves its
    unknown to itself; without a positive entry it becomes 1.

    Returns
    -------
    factor : ndarray of shape (n, n)
        The upper triangle holds U of U^T U; what is below means nothing.
    n_replaced : int
    """
    factor = np.array(matrix, dtype=np.float64, order="C")
    return factor, int(kernels.native().cholesky(factor, tiny))


def cholesky_solve(factor: Float, right: Float) -> Float:
    """Solve A x = right, of shape (n,), with the factor of A that `cholesky` returned."""
    solution = np.array(right, dtype=np.float64, order="C").ravel()
    kernels.native().cholesky_solve(factor, solution)
    return solution


def coordinate_descent(
    matrix: Float,
    gradient: Float,
    start: Float,
    l1: Float,
    *,
    enough: float,
    max_sweeps: int,
) -> tuple[Float, Float]:
    """Minimise a quadratic model with an l1 term by cyclic coordinate descent.

    The objective is g . (x - start) + (x - start)^T matrix (x - start) / 2 + sum_j l1_j |x_j|.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Symmetric; a coordinate without positive curvature stays where it is.
    gradient, start, l1 : ndarray of shape (n,)
    enough : float
        Stop once no coordinate's move is worth more than this.
    max_sweeps : int

    Returns
    -------
    x : ndarray of shape (n,)
    slope : ndarray of shape (n,)
        gradient + matrix (x - start).
    """
    slope = np.array(gradient, dtype=np.float64, order="C").ravel()
    x = np.array(start, dtype=np.float64, order="C").ravel()
    kernels.native().coordinate_descent(
        np.ascontiguousarray(matrix), _flat(l1), enough, max_sweeps, slope, x
    )
    return x, slope


def _flat(a: Float) -> Float:
    return np.ascontiguousarray(a, dtype=np.float64).ravel()
