"""Where L-BFGS starts its model of the Hessian from: a diagonal, for sparse rows in two levels.

In scaled columns every column has a mean square of one, so c plus the penalty is the Hessian's diagonal
where c is how strongly a row curves the loss on average. Dense rows are centred and make do with that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.logistic.problem import Problem

Float = NDArray[np.float64]


def curvatures(problem: Problem) -> Float:
    """Return how strongly a row curves the loss by each output, if classes are all that is known.

    For two classes p (1 - p). The joint curvature of K >= 3 classes, diag(p) - p p^T, acts like diag(p)
    on steps that add to zero over the classes, but for such a part.
    """
    shares = problem.class_totals / problem.total
    least = 1e-6
    if problem.n_outputs == 1:
        return np.array([max(float(shares[0] * shares[1]), least)])
    return np.maximum(shares, least)


def diagonal(problem: Problem) -> Float:
    """Return the model's diagonal, shape (n_outputs, D)."""
    return curvatures(problem)[:, np.newaxis] + problem.scaled_l2


class Start:
    """The inverse of the model, ready to be applied."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._diagonal = diagonal(problem)

    def solve(self, gradient: Float) -> Float:
        """Return H^-1 g, shapes (n_outputs, D)."""
        product: Float = gradient / self._diagonal
        return _without_common_part(self._problem, product)


def _without_common_part(problem: Problem, product: Float) -> Float:
    """Take out what is added to all outputs alike: the loss knows nothing of it, and l2 wants it zero.

    An l1 term has its own idea of it, but for the intercept.
    """
    if problem.n_outputs == 1:
        return product
    total = np.zeros(product.shape[1])
    for row in product:
        total = total + row
    if problem.settings.l1:
        total = np.where(problem.l1 > 0, 0.0, total)
    return product - total / len(product)
