"""Gradient descent with a fixed step: solver "gd", the method of the paper.

Predoaia and García-López, WoSC '23: from zero (or from ``start``), a fixed number of steps

    theta  <-  theta - learning_rate * sum_i s_i grad loss_i(theta)

with the gradient summed over all rows, not averaged, and nothing that stops earlier or changes the step. The
objective is that of every solver, so a penalty adds its gradient, l2 w, to the sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.logistic.finishing import finish
from burly.algorithms.logistic.problem import Problem
from burly.algorithms.logistic.starting import earlier_fit
from burly.exceptions import ConfigurationError
from burly.kernels.logistic import LogisticRows
from burly.states import State

Array = NDArray[Any]

LARGEST = 1e150
"""Coefficients beyond this are on their way to infinity."""


def begin(problem: Problem, state: State) -> State:
    """Return the state of the first evaluation."""
    theta = earlier_fit(problem, state)
    if theta is None:
        theta = np.zeros((problem.n_outputs, problem.n_features + 1))
    arrays = {
        **state.arrays,
        "solver": np.array("gd"),
        "theta": theta,
        "n_iter": np.array(0),
    }
    return State("gradient", arrays)


def evaluate(problem: Problem, state: State, rows: LogisticRows) -> dict[str, Array]:
    """Sum losses and gradients over the rows of a worker."""
    return rows.evaluate(state["theta"], problem.bounds(state, state["theta"]))


def advance(problem: Problem, state: State, totals: Mapping[str, Array]) -> State:
    """Take one step; end after the last one."""
    seen = problem.evaluate(state, state["theta"], totals)
    n_iter, most = int(state["n_iter"]), problem.settings.max_iter
    if n_iter == most:
        return finish(state, state["theta"], seen, converged=True)
    rate = problem.settings.learning_rate
    theta = state["theta"] - seen.gradient * (problem.total * rate)
    if not np.abs(theta).max() < LARGEST:
        raise ConfigurationError(
            f"learning_rate={rate} lets the coefficients grow without end (step {n_iter + 1}): take a "
            "smaller one, or scale the columns; solver='auto' needs neither"
        )
    arrays = {**state.arrays, "theta": theta, "n_iter": np.array(n_iter + 1)}
    stepped = State("gradient", arrays, figures=seen.figures)
    if n_iter + 1 == most:
        return finish(stepped, theta, seen, converged=True)
    return stepped
