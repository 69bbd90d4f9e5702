"""The stopping rule of Newton's method, which also predicts what the last step will do."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.logistic.evaluation import Evaluation
from burly.algorithms.logistic.finishing import best, finish, finish_at
from burly.algorithms.logistic.problem import Problem
from burly.algorithms.logistic.sampling import is_full
from burly.kernels.logistic import ALL_BLOCKS
from burly.states import State

Array = NDArray[Any]
Float = NDArray[np.float64]

SAFETY = 4.0
"""How many times worse than the last one the unseen last step may shrink the gradient."""
SURE = 0.25
"""With a contraction at most this the last step is taken even if the gradient is within tol."""
MOST_IDLE = 5
"""So many steps may pass without a smaller gradient or objective: more are rounding alone."""


def ending(
    problem: Problem, state: State, theta: Float, seen: Evaluation, contraction: float
) -> State | None:
    """Return the last state, at the point that was seen or at the next one, ``theta``; None: go on."""
    here, n_iter = state["theta"], int(state["n_iter"])
    stepped = State(state.phase, {**state.arrays, "n_iter": np.array(n_iter + 1)})
    stuck, may_step = False, n_iter < problem.settings.max_iter
    if is_full(state):
        foreseen = may_step and _foreseen(problem)
        if seen.steepest <= problem.settings.tol:
            if foreseen and contraction <= SURE:
                return finish(stepped, theta, seen, converged=True)
            return finish(state, here, seen, converged=True)
        if foreseen and _will_be_within(problem, state, seen, contraction):
            return finish(stepped, theta, seen, converged=True)
        idle = n_iter - int(state["best_number"])
        stuck = np.array_equal(theta, here) or idle >= MOST_IDLE
    if stuck or not may_step:
        if not np.isfinite(state["best_steepest"]):
            return finish(state, here, seen, converged=False)
        loss, steepest = float(state["best_loss"]), float(state["best_steepest"])
        return finish_at(state, state["best_theta"], loss, steepest, converged=False)
    return None


def contraction(state: State, seen: Evaluation) -> float:
    """Return how much of the gradient the last step left; infinity if that was not seen."""
    if not bool(state["has_last"]) or not is_full(state):
        return float("inf")
    if int(state["last_threshold"]) < ALL_BLOCKS or not float(state["last_steepest"]) > 0:
        return float("inf")
    # What a step with the Hessian of its own point achieved says little of one without.
    if bool(state["last_exact"]) and seen.hessian is None:
        return float("inf")
    return seen.steepest / float(state["last_steepest"])


def best_of_passes(problem: Problem, state: State, seen: Evaluation) -> dict[str, Array]:
    """Return what is to be kept of a pass over all rows that was the best so far."""
    if not is_full(state):
        return {"best_number": state["n_iter"]}
    news = best(problem, state, state["theta"], seen)
    return {**news, "best_theta": state["theta"]} if news else {}


def _foreseen(problem: Problem) -> bool:
    """Whether a step does to the gradient what its model says.

    With an l1 term the subgradient jumps where a coefficient becomes zero, or ceases to be.
    """
    return not problem.settings.l1


def _will_be_within(problem: Problem, state: State, seen: Evaluation, contraction: float) -> bool:
    """Whether the step that nobody sees will bring the gradient within tol.

    In scaled columns, where the model was made, any component may be left with as much as the largest was;
    in the data's own that of a wide column may be small by chance.
    """
    if not contraction < np.inf:
        return False
    of_scaled = seen.scaled_steepest / max(float(state["last_scaled_steepest"]), 1e-300)
    scaled = of_scaled * seen.scaled_steepest * problem.widest_column
    return SAFETY * max(contraction * seen.steepest, scaled) <= problem.settings.tol
