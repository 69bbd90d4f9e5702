"""How solvers shorten a step, and how they end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.logistic.evaluation import Evaluation
from burly.algorithms.logistic.problem import Problem
from burly.states import State

Float = NDArray[np.float64]
Array = NDArray[Any]

SMALLER = 0.9
"""A gradient that is not as much smaller may be so by rounding."""
NOTHING_YET: dict[str, Array] = {
    "best_loss": np.array(np.inf),
    "best_steepest": np.array(np.inf),
    "best_number": np.array(0),
}
"""What `best` knows before the first evaluation."""

SHORTEST, LONGEST = 0.1, 0.5
"""What a refused step is cut to, at least and at most."""


def interpolate(before: float, slope: float, after: float) -> float:
    """Return the part of a refused step at which a parabola through what was seen is least.

    ``slope`` is the change to first order over the whole step, negative; ``after`` may not be finite.
    """
    bend = after - before - slope
    if not bend > 0 or not np.isfinite(bend):
        return SHORTEST
    return min(LONGEST, max(SHORTEST, -slope / (2 * bend)))


def best(problem: Problem, state: State, theta: Float, seen: Evaluation) -> dict[str, Array]:
    """Return what is to be kept if the gradient or the objective is clearly smaller; else nothing."""
    noise = problem.loss_noise(state, theta, seen.loss)
    lower = seen.loss < float(state["best_loss"]) - noise
    if not (lower or seen.steepest < SMALLER * float(state["best_steepest"])):
        return {}
    return {
        "best_loss": np.array(seen.loss),
        "best_steepest": np.array(seen.steepest),
        "best_number": state["n_iter"],
    }


def telling(state: State, seen: Evaluation) -> State:
    """Return the state with what was last seen as its figures, unless it is the last and has its own."""
    return state if state.done else replace(state, figures=seen.figures)


def finish(state: State, theta: Float, seen: Evaluation, *, converged: bool) -> State:
    """Return the last state: the coefficients, and what was last seen."""
    return finish_at(state, theta, seen.loss, seen.steepest, converged=converged)


def finish_at(
    state: State, theta: Float, loss: float, steepest: float, *, converged: bool
) -> State:
    """Return the last state: the coefficients, and what is to be said of them."""
    arrays: dict[str, Array] = {
        "classes": state["classes"],
        "theta": theta,
        "solver": state["solver"],
        "n_iter": state["n_iter"],
        "converged": np.array(converged),
        "class_rows": state["class_rows"],
    }
    return State("fitted", arrays, done=True, figures={"loss": loss, "gradient": steepest})
