"""The parameters of a logistic regression fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Settings:
    """Parameters of a fit.

    With weights s_i (sample weight times class weight), W their sum, and labels y_i, the objective is
    the mean

        F(w, b) = (1 / W) sum_i s_i loss(y_i, w x_i + b)
                  + (l2 / (2 W)) |w|^2 + (l1 / W) |w|_1

    with l2 = (1 - l1_ratio) / C and l1 = l1_ratio / C: scikit-learn's objective divided by C W.

    Attributes
    ----------
    C : float
        Infinity: no penalty.
    l1_ratio : float
    tol : float
        Stop once the largest component of the gradient of F over all rows is at most this.
    max_iter : int
        Steps of the coefficients.
    fit_intercept : bool
    intercept_scaling : float or None
        With a number the intercept is penalised as the coefficient of a column of this constant.
    class_weight : "balanced", sequence of (label, weight), or None
    two_classes : bool
        More of them are refused.
    solver : {"auto", "newton", "lbfgs", "gd"}
    learning_rate : float
        For "gd".
    start : ndarray of shape (n_outputs, n_features + 1) or None
        Coefficients to start from, the intercept last.
    """

    C: float = 1.0
    l1_ratio: float = 0.0
    tol: float = 1e-4
    max_iter: int = 100
    fit_intercept: bool = True
    intercept_scaling: float | None = None
    class_weight: str | Sequence[tuple[Any, float]] | None = None
    two_classes: bool = False
    solver: str = "auto"
    learning_rate: float = 0.001
    start: Float | None = None

    @property
    def l2(self) -> float:
        """The weight of |w|^2 / 2 beside the summed loss."""
        return (1.0 - self.l1_ratio) / self.C

    @property
    def l1(self) -> float:
        """The weight of |w|_1 beside the summed loss."""
        return self.l1_ratio / self.C
