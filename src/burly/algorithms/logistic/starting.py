"""The starting point of the solvers: the coefficients of an earlier fit, or the class frequencies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.logistic.problem import Problem
from burly.exceptions import ConfigurationError
from burly.kernels.linear_algebra import logarithm
from burly.states import State

Array = NDArray[Any]
Float = NDArray[np.float64]


def starting_point(problem: Problem, state: State) -> tuple[Float, bool]:
    """Return the first coefficients, and whether they are of an earlier fit."""
    theta = earlier_fit(problem, state)
    if theta is not None:
        if problem.n_outputs > 1 and not problem.settings.l1:
            total = np.zeros(theta.shape[1])
            for row in theta:
                total = total + row
            theta = theta - total / len(theta)
        return problem.from_scaled(problem.to_scaled(theta)), True
    scaled = np.zeros((problem.n_outputs, problem.n_features + 1))
    if problem.settings.fit_intercept:
        scaled[:, -1] = prior(problem.class_totals)
    return problem.from_scaled(scaled), False


def earlier_fit(problem: Problem, state: State) -> Float | None:
    """Return the coefficients of an earlier fit, if there is one to go on from.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If it had another number of classes.
    """
    if "start" not in state.arrays:
        return None
    theta = np.array(state["start"], dtype=np.float64)
    if len(theta) != problem.n_outputs:
        raise ConfigurationError(
            "warm_start=True goes on from a fit with another number of classes; fit this data without it"
        )
    return theta


def prior(class_totals: Array) -> Array:
    """Return the intercepts that fit the classes' weights: shape (n_outputs,)."""
    least = np.max(class_totals) * 1e-12
    logs = np.array([logarithm(max(float(total), float(least))) for total in class_totals])
    if len(logs) == 2:
        ratios: Array = logs[1:] - logs[:1]
        return ratios
    return logs - math.fsum(logs.tolist()) / len(logs)
