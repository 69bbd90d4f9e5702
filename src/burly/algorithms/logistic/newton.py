"""Newton's method on growing samples: solver "newton", for dense data.

The first steps take Hessians of small samples of the blocks, the next ones gradients of larger samples
with the last Hessian repaired (see `curvature`), and the last ones gradients of all rows. A sample of m
rows is worth one step: after it the error is the sample's own, about p / m, which a step on a larger
sample cuts. With an l1 term a step minimises the repaired model with that term (proximal Newton, Lee, Sun
and Saunders, SIAM J. Optimization 24, 2014).

While a step promises more than a share of the objective, the Hessian changes under the steps, and the
next evaluation takes a new one. If a pass over all rows shrinks the gradient too little, so does a larger
sample at the same point.

Steps are full at first. Where an evaluation of the same rows shows less decrease than a part of what the
slope promised, the step is cut by interpolation.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from burly.algorithms.logistic.finishing import finish, interpolate
from burly.algorithms.logistic.preparing import threshold_for
from burly.algorithms.logistic.problem import Evaluation, Problem
from burly.algorithms.logistic.starting import starting_point
from burly.kernels.linear_algebra import cholesky, dot
from burly.kernels.logistic import ALL_BLOCKS, LogisticRows
from burly.states import State

Array = NDArray[Any]
Float = NDArray[np.float64]

FIRST_ROWS, FIRST_SHARE = 2048, 6
"""The first Hessian's sample: at least so many rows, and so many an unknown of an output."""
SECOND_ROWS, SECOND_SHARE = 8192, 12
RARE_SHARE = 2
"""So many rows of the rarest class an unknown, in the second sample; half of it in the first."""
LARGEST_HESSIAN = 4
"""A Hessian's first samples take at most one row in so many, unless the data is small."""
SMALL_ROWS = 16_384
LAST_SHARE = 3
"""The last sample takes about one row in so many."""
GROWTH = 4
"""How much larger each sample is than the last, about."""
STEEP = 0.08
"""A step that promises a larger share of the objective wants a new Hessian."""
MOST_REPEATS = 4
"""How many times one sample's Hessian is taken again."""
SLOW, SLOW_COUPLED = 0.3, 0.65
"""A pass that leaves more of the gradient wants a Hessian from more rows: one of several outputs costs
as much as some passes."""
REFRESH_GROWTH = 4
SAFETY = 4.0
"""How many times worse than the last one the unseen last step may shrink the gradient."""
SURE = 0.25
"""With a contraction at most this the last step is taken even if the gradient is within tol."""
ARMIJO = 1e-4
UNLIKE = 1.5
"""A step may not multiply the objective by more than this, seen on other rows."""
MOST_PAIRS = 3
WITH_HESSIAN = 1


def begin(problem: Problem, state: State) -> State:
    """Return the state of the first evaluation."""
    theta, warm = starting_point(problem, state)
    plan = _plan(problem, float(state["n_rows"]), warm=warm)
    arrays = {
        **state.arrays,
        **_nothing(problem),
        "solver": np.array("newton"),
        "theta": theta,
        "plan_rows": np.array([rows for rows, _ in plan]),
        "plan_hessian": np.array([hessian for _, hessian in plan]),
    }
    return _visit(State("sample", arrays), stage=0)


def evaluate(problem: Problem, state: State, rows: LogisticRows) -> dict[str, Array]:
    """Sum what a round asks for over the rows of a worker."""
    return rows.evaluate(
        state["theta"],
        problem.bounds(state),
        threshold=int(state["threshold"]),
        curvature=True,
        hessian=problem.scaling if int(state["hessian_wanted"]) else None,
        coupled=problem.n_outputs > 1,
    )


def advance(problem: Problem, state: State, totals: Mapping[str, Array]) -> State:
    """Take the totals of an evaluation and return the state of the next one, or the last."""
    seen = problem.evaluate(state, totals)
    if _too_small(problem, state, seen):
        wider = min(int(state["threshold"]) * 2, ALL_BLOCKS)
        return _with(state, threshold=np.array(wider))
    if not bool(state["refresh"]):
        if _refused(state, seen):
            return _cut(problem, state, seen)
        state = _remember(problem, state, seen)
    if seen.hessian is not None:
        state = _take_hessian(problem, state, seen)
    if bool(state["refresh"]) and not _is_full(state):
        return _visit(_with(state, refresh=np.array(False)), stage=len(state["plan_rows"]))
    move = _direction(problem, state, seen)
    return _decide(problem, _with(state, refresh=np.array(False)), seen, move)


# --- samples ----------------------------------------------------------------------------------


def _plan(problem: Problem, n_rows: float, *, warm: bool) -> list[tuple[float, bool]]:
    """Return the samples: rows, and whether to take the Hessian. Passes over all rows follow."""
    width = problem.n_features + 1
    weight = max(float(problem.n_rows_of_rarest), 1.0) / n_rows
    sizes = []
    for rows, share, rare in (
        (FIRST_ROWS, FIRST_SHARE, RARE_SHARE / 2),
        (SECOND_ROWS, SECOND_SHARE, RARE_SHARE),
    ):
        wanted = max(rows, share * width, rare * width / weight)
        sizes.append(min(wanted, max(n_rows / LARGEST_HESSIAN, rows, share * width)))
    if n_rows <= max(SMALL_ROWS, 2 * sizes[1]):
        return []
    plan = [] if warm else [(sizes[0], True)]
    plan.append((sizes[1], True))
    span = max(1.0, n_rows / LAST_SHARE / sizes[1])
    count = 0
    while GROWTH ** (count + 0.5) < span:
        count += 1
    if warm:
        count = 0
    growth = _root(span, count)
    for _ in range(count):
        plan.append((plan[-1][0] * growth, False))
    return plan


def _root(x: float, n: int) -> float:
    """The n-th root of a number of at least 1, by halving: the same bits everywhere."""
    low, high = 1.0, x
    for _ in range(60 if n else 0):
        middle = (low + high) / 2
        power = 1.0
        for _ in range(n):
            power *= middle
        low, high = (middle, high) if power < x else (low, middle)
    return high


def _visit(state: State, *, stage: int) -> State:
    """Return the state that evaluates at ``theta`` over the sample of a stage."""
    rows = state["plan_rows"]
    if stage < len(rows):
        hessian = bool(state["plan_hessian"][stage]) or bool(state["wants_hessian"])
        threshold = threshold_for(float(rows[stage]), float(state["n_rows"]))
    else:
        hessian = bool(state["wants_hessian"]) or not len(rows)
        threshold = ALL_BLOCKS
    if threshold < ALL_BLOCKS:
        threshold = max(threshold, int(state["least_threshold"]))
    return State(
        "sample" if threshold < ALL_BLOCKS else "pass",
        {
            **state.arrays,
            "stage": np.array(stage),
            "threshold": np.array(threshold),
            "hessian_wanted": np.array(WITH_HESSIAN if hessian else 0),
            "wants_hessian": np.array(False),
        },
    )


def _too_small(problem: Problem, state: State, seen: Evaluation) -> bool:
    """Whether a Hessian's sample has too few rows, or misses a class."""
    if _is_full(state) or seen.hessian is None:
        return False
    wanted = float(state["n_rows"]) * (int(state["threshold"]) / ALL_BLOCKS)
    missing = (seen.class_rows == 0) & (problem.class_rows > 0)
    return 2 * seen.n_rows < wanted or bool(np.any(missing))


def _is_full(state: State) -> bool:
    return int(state["threshold"]) >= ALL_BLOCKS


# --- the model --------------------------------------------------------------------------------


def _take_hessian(problem: Problem, state: State, seen: Evaluation) -> State:
    """Make the model from a new Hessian: a factor, or with an l1 term the matrix itself."""
    assert seen.hessian is not None
    assert seen.mean_curvature is not None
    width = problem.n_features + 1
    matrix = assemble(seen.hessian, problem.n_outputs, width)
    if problem.n_outputs == 1 and not _is_full(state):
        matrix = shrink(matrix, seen.n_rows)
    if problem.n_outputs > 1:
        _anchor(matrix, problem.n_outputs, width)
    diagonal = np.diagonal(matrix) * (1.0 + RIDGE) + np.tile(problem.scaled_l2, problem.n_outputs)
    np.fill_diagonal(matrix, diagonal)
    if not problem.settings.fit_intercept:
        for last in range(width - 1, len(matrix), width):
            matrix[last] = 0.0
            matrix[:, last] = 0.0
            matrix[last, last] = 1.0
    model = pack(matrix if problem.settings.l1 else cholesky(matrix)[0])
    return _with(
        state,
        model=model,
        model_curvature=np.array(max(seen.mean_curvature, 1e-300)),
        model_rows=np.array(float(seen.n_rows)),
        wants_hessian=np.array(False),
    )


def _anchor(matrix: Float, n_outputs: int, width: int) -> None:
    """Give curvature to the direction that adds the same to all outputs.

    The loss does not change along it and a gradient has no part in it, so any amount does.
    """
    for j in range(width):
        places = [k * width + j for k in range(n_outputs)]
        amount = max(float(matrix[place, place]) for place in places) / n_outputs
        for i, place in enumerate(places):
            for other in places[i:]:
                matrix[place, other] += amount


@dataclass(frozen=True, slots=True)
class Move:
    """A step of the scaled coefficients.

    ``decrease`` is what the model promises, ``slope`` the change of the objective to first order.
    """

    step: Float
    decrease: float
    slope: float


def _direction(problem: Problem, state: State, seen: Evaluation) -> Move:
    scaled = problem.to_scaled(state["theta"])
    gradient = seen.scaled.ravel()
    # A Hessian of all rows at this very point needs no repair.
    exact = seen.hessian is not None and _is_full(state)
    basis = Basis([] if exact else _pairs(problem, state, seen, scaled))
    scale = _scale(state, seen)
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


def _scale(state: State, seen: Evaluation) -> float:
    assert seen.mean_curvature is not None
    return max(seen.mean_curvature, 1e-300) / float(state["model_curvature"])


def _pairs(problem: Problem, state: State, seen: Evaluation, scaled: Float) -> list[Pair]:
    """Return vectors and their products with the Hessian, the most trusted first."""
    assert seen.curvature is not None
    assert seen.curvature_margin is not None
    penalty = problem.scaled_l2
    pairs: list[Pair] = []
    if problem.n_outputs == 1 and problem.settings.fit_intercept:
        unit = np.zeros_like(scaled)
        unit[0, -1] = 1.0
        pairs.append((unit.ravel(), (seen.curvature + unit * penalty).ravel()))
    if _is_full(state):
        pairs.extend(zip(state["pair_steps"], state["pair_changes"], strict=True))
    vector = scaled if problem.settings.fit_intercept else np.copy(scaled)
    pairs.append((vector.ravel(), (seen.curvature_margin + scaled * penalty).ravel()))
    return pairs


# --- steps ------------------------------------------------------------------------------------


def _refused(state: State, seen: Evaluation) -> bool:
    """Whether the objective shows that the last step went too far."""
    if int(state["n_iter"]) == 0 or not bool(state["has_last"]):
        return False
    if int(state["last_threshold"]) != int(state["threshold"]):
        return seen.loss > UNLIKE * abs(float(state["last_loss"]))
    promised = float(state["last_slope"]) * float(state["fraction"])
    noise = 1e-13 * abs(seen.loss) if not bool(state["float32"]) else 1e-7 * abs(seen.loss)
    return not seen.loss <= float(state["last_loss"]) + ARMIJO * promised + noise


def _cut(problem: Problem, state: State, seen: Evaluation) -> State:
    """Try a smaller part of the last step."""
    fraction = float(state["fraction"])
    part = interpolate(float(state["last_loss"]), float(state["last_slope"]) * fraction, seen.loss)
    fraction *= part
    scaled = state["last_scaled"] + state["last_step"] * fraction
    if fraction < 1e-10:
        return finish(problem, state, state["theta"], seen, converged=False)
    return _with(state, theta=problem.from_scaled(scaled), fraction=np.array(fraction))


def _remember(problem: Problem, state: State, seen: Evaluation) -> State:
    """Keep the pair of a step between two passes over all rows."""
    comparable = bool(state["has_last"]) and _is_full(state)
    if not comparable or int(state["last_threshold"]) < ALL_BLOCKS:
        return state
    step = problem.to_scaled(state["theta"]) - state["last_scaled"]
    change = seen.scaled - state["last_gradient"]
    return _with(
        state,
        pair_steps=np.concatenate([step.reshape(1, -1), state["pair_steps"]])[:MOST_PAIRS],
        pair_changes=np.concatenate([change.reshape(1, -1), state["pair_changes"]])[:MOST_PAIRS],
    )


def _decide(problem: Problem, state: State, seen: Evaluation, move: Move) -> State:
    """Stop, or go to the next evaluation with the step taken."""
    tol = problem.settings.tol
    scaled = problem.to_scaled(state["theta"])
    theta = problem.from_scaled(scaled + move.step)
    n_iter = int(state["n_iter"])
    full = _is_full(state)
    contraction = _contraction(state, seen)
    stepped = _with(state, n_iter=np.array(n_iter + 1))
    if full and seen.steepest <= tol:
        if contraction <= SURE:
            return finish(problem, stepped, theta, seen, converged=True)
        return finish(problem, state, state["theta"], seen, converged=True)
    if full and SAFETY * contraction * seen.steepest <= tol:
        return finish(problem, stepped, theta, seen, converged=True)
    if n_iter >= problem.settings.max_iter or np.array_equal(theta, state["theta"]):
        return finish(problem, state, state["theta"], seen, converged=False)
    stepped = _with(
        stepped,
        theta=theta,
        fraction=np.array(1.0),
        has_last=np.array(True),
        last_loss=np.array(seen.loss),
        last_slope=np.array(move.slope),
        last_steepest=np.array(seen.steepest),
        last_threshold=state["threshold"],
        last_scaled=scaled,
        last_step=move.step,
        last_gradient=seen.scaled,
    )
    return _next(problem, stepped, steep=move.decrease > STEEP * seen.loss, contraction=contraction)


def _contraction(state: State, seen: Evaluation) -> float:
    """How much of the gradient the last step left; infinite if that was not seen."""
    if not bool(state["has_last"]) or not _is_full(state):
        return float("inf")
    if int(state["last_threshold"]) < ALL_BLOCKS or not float(state["last_steepest"]) > 0:
        return float("inf")
    return seen.steepest / float(state["last_steepest"])


def _next(problem: Problem, state: State, *, steep: bool, contraction: float) -> State:
    stage = int(state["stage"])
    n_stages = len(state["plan_rows"])
    had_hessian = int(state["hessian_wanted"]) == WITH_HESSIAN
    if stage < n_stages:
        repeats = int(state["n_repeats"])
        if steep and had_hessian and stage > 0 and repeats < MOST_REPEATS:
            again = _with(state, n_repeats=np.array(repeats + 1), wants_hessian=np.array(True))
            return _visit(again, stage=stage)
        return _visit(_with(state, wants_hessian=np.array(steep)), stage=stage + 1)
    limit = SLOW if problem.n_outputs == 1 else SLOW_COUPLED
    slow = np.isfinite(contraction) and contraction > limit
    rows = float(state["model_rows"])
    if n_stages and (slow or steep):
        wanted = rows * REFRESH_GROWTH
        if wanted * 2 < float(state["n_rows"]):
            refreshed = _with(state, refresh=np.array(True), wants_hessian=np.array(True))
            aside = _visit(refreshed, stage=n_stages)
            threshold = threshold_for(wanted, float(state["n_rows"]))
            return State("sample", {**aside.arrays, "threshold": np.array(threshold)})
        return _visit(_with(state, wants_hessian=np.array(True)), stage=n_stages)
    return _visit(state, stage=n_stages)


def _nothing(problem: Problem) -> dict[str, Array]:
    width = problem.n_outputs * (problem.n_features + 1)
    return {
        "n_iter": np.array(0),
        "n_repeats": np.array(0),
        "has_last": np.array(False),
        "refresh": np.array(False),
        "wants_hessian": np.array(False),
        "least_threshold": np.array(0),
        "fraction": np.array(1.0),
        "pair_steps": np.empty((0, width)),
        "pair_changes": np.empty((0, width)),
    }


def _with(state: State, **arrays: Array) -> State:
    return State(state.phase, {**state.arrays, **arrays})
