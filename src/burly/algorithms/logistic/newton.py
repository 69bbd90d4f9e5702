"""Newton's method on growing samples: solver "newton", for dense data.

The first steps take Hessians of small samples of the blocks, the next ones gradients of larger samples
with the last Hessian repaired (see `modelling`), and the last ones gradients of all rows. A sample of m
rows is worth one step: after it the error is the sample's own, about p / m, which a step on a larger
sample cuts. With an l1 term a step minimises the repaired model with that term (proximal Newton, Lee, Sun
and Saunders, SIAM J. Optimization 24, 2014).

While a step promises more than a share of the objective, the Hessian changes under the steps, and the
next evaluation takes a new one. If a pass over all rows shrinks the gradient too little, and at that rate
one more would not do, so does a larger sample at the same point. Where even good repairs would need several
more passes, as with columns of very different scales, whose gradients tol compares, the next pass takes the
Hessian of all rows.

Steps are full at first. Where an evaluation of the same rows shows less decrease than a part of what the
slope promised, the step is cut by interpolation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.logistic.evaluation import Curvature, Evaluation
from burly.algorithms.logistic.finishing import NOTHING_YET, finish, interpolate, telling
from burly.algorithms.logistic.modelling import Move, direction, take_hessian
from burly.algorithms.logistic.preparing import threshold_for
from burly.algorithms.logistic.problem import Problem
from burly.algorithms.logistic.sampling import is_full, plan, too_small, visit
from burly.algorithms.logistic.starting import starting_point
from burly.algorithms.logistic.stopping import best_of_passes, contraction, ending
from burly.kernels.logistic import ALL_BLOCKS, LogisticRows
from burly.states import State

Array = NDArray[Any]
Float = NDArray[np.float64]

STEEP, STEEP_COUPLED = 0.15, 0.08
"""A step that promises a larger share of the objective wants a new Hessian; with several outputs, whose
Hessian is repaired by less, a smaller one does."""
MOST_REPEATS = 4
"""How many times one sample's Hessian is taken again."""
SLOW, SLOW_COUPLED = 0.3, 0.65
"""A pass that leaves more of the gradient wants a Hessian from more rows: one of several outputs costs
as much as some passes."""
REFRESH_GROWTH = 4
CHEAP_WIDTH = 64
"""Coefficients for which a Hessian of all rows costs about a pass."""
REPAIRED = 0.01
"""What a pass with a repaired Hessian leaves of the gradient, at best."""
ARMIJO = 1e-4
UNLIKE = 1.5
"""A step may not multiply the objective by more than this, seen on other rows."""
UNLIKE_FRACTION = 0.5
"""Where even half of a step does, those rows were too few or too well fitted, and where it came from is no
better: go on from here."""
MOST_PAIRS = 3


def begin(problem: Problem, state: State) -> State:
    """Return the state of the first evaluation."""
    theta, warm = starting_point(problem, state)
    samples = plan(problem, float(state["n_rows"]), warm=warm)
    return _begin(problem, state, theta, samples)


def take_over(problem: Problem, state: State, theta: Float) -> State:
    """Return the state that goes on from another solver's point, with Hessians of all rows."""
    return _with(_begin(problem, state, theta, []), n_iter=state["n_iter"])


def _begin(
    problem: Problem, state: State, theta: Float, samples: list[tuple[float, bool]]
) -> State:
    width = problem.n_outputs * (problem.n_features + 1)
    arrays = {
        **state.arrays,
        "solver": np.array("newton"),
        "theta": theta,
        "plan_rows": np.array([rows for rows, _ in samples]),
        "plan_hessian": np.array([hessian for _, hessian in samples]),
        "n_iter": np.array(0),
        **NOTHING_YET,
        "best_theta": theta,
        "n_repeats": np.array(0),
        "has_last": np.array(0),
        "refresh": np.array(0),
        "wants_hessian": np.array(0),
        "fraction": np.array(1.0),
        "pair_steps": np.empty((0, width)),
        "pair_changes": np.empty((0, width)),
    }
    return visit(State("sample", arrays), stage=0)


def evaluate(problem: Problem, state: State, rows: LogisticRows) -> dict[str, Array]:
    """Sum what a round asks for over the rows of a worker."""
    return rows.evaluate(
        state["theta"],
        problem.bounds(state, state["theta"]),
        threshold=int(state["threshold"]),
        curvature=True,
        hessian=problem.scaling if bool(state["hessian_wanted"]) else None,
        coupled=problem.n_outputs > 1,
    )


def advance(problem: Problem, state: State, totals: Mapping[str, Array]) -> State:
    """Take the totals of an evaluation and return the state of the next one, or the last."""
    if too_small(problem, state, totals):
        wider = min(int(state["threshold"]) * 2, ALL_BLOCKS)
        return _with(state, threshold=np.array(wider))
    seen = problem.evaluate(state, state["theta"], totals)
    curved = problem.curvature(state, state["theta"], totals)
    return telling(_go_on(problem, state, seen, curved), seen)


def _go_on(problem: Problem, state: State, seen: Evaluation, curved: Curvature) -> State:
    """Judge the last step, bring the model up to date, and take the next step."""
    if not bool(state["refresh"]):
        if _refused(problem, state, seen):
            return _cut(problem, state, seen)
        state = _remember(problem, state, seen)
    if seen.hessian is not None:
        model = take_hessian(problem, state, seen.hessian, curved, seen.n_rows)
        state = _with(state, **model, wants_hessian=np.array(0))
    if bool(state["refresh"]) and not is_full(state):
        return visit(_with(state, refresh=np.array(0)), stage=len(state["plan_rows"]))
    move = direction(problem, state, seen, curved)
    return _decide(problem, _with(state, refresh=np.array(0)), seen, move)


def _refused(problem: Problem, state: State, seen: Evaluation) -> bool:
    """Whether the objective shows that the last step went too far."""
    if int(state["n_iter"]) == 0 or not bool(state["has_last"]):
        return False
    if int(state["last_threshold"]) != int(state["threshold"]):
        worse = seen.loss > UNLIKE * abs(float(state["last_loss"]))
        return worse and float(state["fraction"]) > UNLIKE_FRACTION
    promised = float(state["last_slope"]) * float(state["fraction"])
    noise = problem.loss_noise(state, state["theta"], seen.loss)
    return not seen.loss <= float(state["last_loss"]) + ARMIJO * promised + noise


def _cut(problem: Problem, state: State, seen: Evaluation) -> State:
    """Try a smaller part of the last step."""
    fraction = float(state["fraction"])
    part = interpolate(float(state["last_loss"]), float(state["last_slope"]) * fraction, seen.loss)
    fraction *= part
    scaled = state["last_scaled"] + state["last_step"] * fraction
    if fraction < 1e-10:
        return finish(state, state["theta"], seen, converged=False)
    return _with(state, theta=problem.settled(scaled), fraction=np.array(fraction))


def _remember(problem: Problem, state: State, seen: Evaluation) -> State:
    """Keep the pair of a step between two passes over all rows."""
    comparable = bool(state["has_last"]) and is_full(state)
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
    scaled = problem.to_scaled(state["theta"])
    theta = problem.settled(scaled + move.step)
    left = contraction(state, seen)
    state = _with(state, **best_of_passes(problem, state, seen))
    ended = ending(problem, state, theta, seen, left)
    if ended is not None:
        return ended
    moved = int(not np.array_equal(theta, state["theta"]))
    stepped = _with(
        state,
        theta=theta,
        n_iter=np.array(int(state["n_iter"]) + moved),
        fraction=np.array(1.0),
        has_last=np.array(moved),
        last_loss=np.array(seen.loss),
        last_slope=np.array(move.slope),
        last_steepest=np.array(seen.steepest),
        last_scaled_steepest=np.array(seen.scaled_steepest),
        last_threshold=state["threshold"],
        last_exact=np.array(is_full(state) and seen.hessian is not None),
        last_scaled=scaled,
        last_step=move.step,
        last_gradient=seen.scaled,
    )
    steep = move.decrease > (STEEP if problem.n_outputs == 1 else STEEP_COUPLED) * seen.loss
    if int(stepped["stage"]) < len(stepped["plan_rows"]):
        return _next_sample(stepped, steep=steep)
    return _next_pass(problem, stepped, seen, steep=steep, contraction=left)


def _next_sample(state: State, *, steep: bool) -> State:
    stage, repeats = int(state["stage"]), int(state["n_repeats"])
    if steep and bool(state["hessian_wanted"]) and stage > 0 and repeats < MOST_REPEATS:
        again = _with(state, n_repeats=np.array(repeats + 1), wants_hessian=np.array(1))
        return visit(again, stage=stage)
    return visit(_with(state, wants_hessian=np.array(steep)), stage=stage + 1)


def _next_pass(
    problem: Problem, state: State, seen: Evaluation, *, steep: bool, contraction: float
) -> State:
    n_stages = len(state["plan_rows"])
    n_rows, model_rows = float(state["n_rows"]), float(state["model_rows"])
    if not n_stages:
        return visit(state, stage=0)
    rate = max(REPAIRED, contraction) if contraction < np.inf else REPAIRED
    far = rate * rate * seen.steepest > problem.settings.tol
    if far and problem.n_outputs * (problem.n_features + 1) <= CHEAP_WIDTH:
        return visit(_with(state, wants_hessian=np.array(1)), stage=n_stages)
    limit = SLOW if problem.n_outputs == 1 else SLOW_COUPLED
    nearly_there = contraction * seen.steepest <= problem.settings.tol
    if not steep and (nearly_there or not limit < contraction < np.inf):
        return visit(state, stage=n_stages)
    wanting = _with(state, wants_hessian=np.array(1))
    wanted = model_rows * REFRESH_GROWTH
    if wanted * 2 >= n_rows:
        return visit(wanting, stage=n_stages)
    aside = visit(_with(wanting, refresh=np.array(1)), stage=n_stages)
    arrays = {**aside.arrays, "threshold": np.array(threshold_for(wanted, n_rows))}
    return State("sample", arrays)


def _with(state: State, **arrays: Array) -> State:
    return State(state.phase, {**state.arrays, **arrays})
