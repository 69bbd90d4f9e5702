"""The result of evaluating the objective: values, gradients and curvature."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.logistic.penalty import smallest_subgradient

if TYPE_CHECKING:
    from burly.algorithms.logistic.problem import Problem

Array = NDArray[Any]
Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The objective at a point, over the rows of a sample.

    Attributes
    ----------
    problem : Problem
    theta : ndarray of shape (n_outputs, D)
        The point.
    loss : float
        F, penalties included.
    slope : ndarray of shape (n_outputs, D)
        The gradient of the mean loss, without penalties, by theta.
    gradient : ndarray of shape (n_outputs, D)
        Of F without its l1 term, by theta.
    steepest : float
        The largest component of the subgradient of F of the smallest norm, by theta; at least what
        its sums can tell.
    hessian : ndarray of shape (n_pairs, D (D + 1) / 2) or None
        The Hessian without penalties, as lower triangles of the pairs of outputs.
    n_rows : int
        Rows of the sample.
    class_rows : ndarray of shape (n_classes,)
    """

    problem: Problem
    theta: Float
    loss: float
    slope: Float
    gradient: Float
    steepest: float
    hessian: Float | None
    n_rows: int
    class_rows: Array

    @cached_property
    def scaled(self) -> Float:
        """The gradient by thetas, shape (n_outputs, D)."""
        return self.problem.sum_to_scaled(self.slope) + self.problem.scaled_penalty(self.theta)

    @property
    def scaled_steepest(self) -> float:
        """The largest component of the smallest subgradient by thetas."""
        problem = self.problem
        theta = problem.to_scaled(self.theta)
        smallest = smallest_subgradient(self.scaled, theta, problem.scaled_l1)
        return float(np.abs(smallest).max())

    @property
    def figures(self) -> dict[str, float]:
        """What a person who watches wants to see."""
        return {"loss": self.loss, "gradient": self.steepest}


@dataclass(frozen=True, slots=True, eq=False)
class Curvature:
    """What an evaluation says of the Hessian of F without penalties, by thetas.

    Attributes
    ----------
    of_intercepts, of_coefficients : ndarray of shape (n_outputs, D)
        Its product with the intercepts' ones, and with thetas.
    mean : float
        The sum of p_k (1 - p_k) over the outputs, on average: how strongly the rows curve F.
    """

    of_intercepts: Float
    of_coefficients: Float
    mean: float


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Points origin + step (target - origin), coefficients of shape (n_outputs, D)."""

    origin: Float
    target: Float
    steps: Float
