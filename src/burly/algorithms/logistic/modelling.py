"""The quadratic model of Newton's method: a Hessian kept in the state, repaired at each evaluation.

See `curvature` for the mathematics. The state holds the model as a packed triangle: a factor of the
Hessian, or with an l1 term the matrix itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.logistic.curvature import (
    RIDGE,
    Basis,
    Pair,
    assemble,
    newton_step,
    pack,
    proximal_step,
    repaired,
    shrink,
    symmetric,
    unpack,
)
from burly.algorithms.logistic.evaluation import Curvature, Evaluation
from burly.algorithms.logistic.problem import Problem
from burly.algorithms.logistic.sampling import is_full
from burly.kernels.linear_algebra import cholesky, dot
from burly.states import State

Array = NDArray[Any]
Float = NDArray[np.float64]


LOOSE = 1e-7
"""With an l1 term, the share of the curvature that is given to what several outputs have in common: with
all of it tol 1e-8 took 30 to 300 steps, with this 5 to 7. Columns with means far from zero and no intercept
hardly curve the loss in some directions, and even 1e-4 takes most of a step there."""


@dataclass(frozen=True, slots=True)
class Move:
    """A step of the scaled coefficients.

    ``decrease`` is what the model promises, ``slope`` the change of the objective to first order.
    """

    step: Float
    decrease: float
    slope: float


def take_hessian(
    problem: Problem, state: State, hessian: Float, curved: Curvature, n_rows: int
) -> dict[str, Array]:
    """Return the model made from a new Hessian, of so many rows."""
    width = problem.n_features + 1
    matrix = assemble(hessian, problem.n_outputs, width)
    if problem.n_outputs == 1 and not is_full(state):
        matrix = shrink(matrix, n_rows)
    if problem.n_outputs > 1:
        _anchor(matrix, problem.n_outputs, width, LOOSE if problem.settings.l1 else 1.0)
    diagonal = np.diagonal(matrix) * (1.0 + RIDGE) + np.tile(problem.scaled_l2, problem.n_outputs)
    np.fill_diagonal(matrix, diagonal)
    if not problem.settings.fit_intercept:
        for last in range(width - 1, len(matrix), width):
            matrix[last] = 0.0
            matrix[:, last] = 0.0
            matrix[last, last] = 1.0
    return {
        "model": pack(matrix if problem.settings.l1 else cholesky(matrix)[0]),
        "model_curvature": np.array(max(curved.mean, 1e-300)),
        "model_rows": np.array(float(n_rows)),
    }


def _anchor(matrix: Float, n_outputs: int, width: int, share: float) -> None:
    """Give curvature to the direction that adds the same to all outputs.

    The loss does not change along it. Without an l1 term a gradient has no part in it, so any amount does;
    with one, steps along it would be as short as the amount is large.
    """
    for j in range(width):
        places = [k * width + j for k in range(n_outputs)]
        amount = max(float(matrix[place, place]) for place in places) / n_outputs * share
        for i, place in enumerate(places):
            for other in places[i:]:
                matrix[place, other] += amount


def direction(problem: Problem, state: State, seen: Evaluation, curved: Curvature) -> Move:
    """Return the step that the repaired model promises most of."""
    scaled = problem.to_scaled(state["theta"])
    gradient = seen.scaled.ravel()
    # A Hessian of all rows at this very point needs no repair.
    exact = seen.hessian is not None and is_full(state)
    basis = Basis([] if exact else _pairs(problem, state, curved, scaled))
    scale = max(curved.mean, 1e-300) / float(state["model_curvature"])
    n = len(gradient)
    if problem.settings.l1:
        matrix = repaired(symmetric(state["model"], n), scale, basis)
        l1 = np.tile(problem.scaled_l1, problem.n_outputs)
        step, decrease, slope = proximal_step(
            matrix, gradient, scaled.ravel(), l1, 1e-12 * max(seen.loss, 1e-6)
        )
    else:
        step = newton_step(unpack(state["model"], n), scale, basis, gradient)
        slope = dot(gradient, step)
        decrease = -slope / 2
    return Move(step.reshape(scaled.shape), decrease, slope)


def _pairs(problem: Problem, state: State, curved: Curvature, scaled: Float) -> list[Pair]:
    """Return vectors and their products with the Hessian, the most trusted first."""
    penalty = problem.scaled_l2
    pairs: list[Pair] = []
    if problem.n_outputs == 1 and problem.settings.fit_intercept:
        unit = np.zeros_like(scaled)
        unit[0, -1] = 1.0
        pairs.append((unit.ravel(), (curved.of_intercepts + unit * penalty).ravel()))
    if is_full(state):
        pairs.extend(zip(state["pair_steps"], state["pair_changes"], strict=True))
    pairs.append((scaled.ravel(), (curved.of_coefficients + scaled * penalty).ravel()))
    return pairs
