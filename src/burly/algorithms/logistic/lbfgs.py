"""L-BFGS: solver "lbfgs", for sparse rows and for more columns than a Hessian is worth.

Each round evaluates the objective at one point, over all rows, and keeps the margins. Directions come
from the last points and gradients (Liu and Nocedal, Mathematical Programming 45, 1989) and the start of
`Start`. The whole step is tried first. If the objective shows that it was too long or much too short, phase
"line" takes slopes at many parts of it at once, from the kept margins and without reading X; they grow along
the line, since the objective is convex, so the sign changes at its least point.

With an l1 term this is OWL-QN (Andrew and Gao, ICML 2007): the direction is taken from the smallest
subgradient, a step stays within one orthant, and steps that are too long are cut by interpolation. Unlike
there, coefficients that the term holds at zero are left out of the pairs, so that the others get a Newton
direction of their own, and only a coefficient at zero has to go the way of its subgradient.

Of all that is as long as the coefficients a state publishes two: the point to evaluate, as ``point_i``, and
the gradient at the last one, as ``gradient_i``, in scaled columns. Both stay, and states name the last ones;
`heading` makes pairs and directions from them whenever they are needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.logistic import coarse, newton
from burly.algorithms.logistic.auto import SMALL, newton_may_end
from burly.algorithms.logistic.evaluation import Evaluation, Line
from burly.algorithms.logistic.finishing import (
    NOTHING_YET,
    best,
    finish,
    finish_at,
    interpolate,
    telling,
)
from burly.algorithms.logistic.heading import Heading, heading, newest, trial
from burly.algorithms.logistic.problem import Problem
from burly.algorithms.logistic.starting import starting_point
from burly.kernels.linear_algebra import dot
from burly.kernels.logistic import ALL_BLOCKS, LogisticRows
from burly.states import State

Array = NDArray[Any]
Float = NDArray[np.float64]

MEMORY = 20
"""Pairs of steps and changes of the gradient that a direction is made from."""
MEMORY_NUMBERS = 1 << 24
"""They are fewer where they would hold more numbers than this, but not below `LEAST_MEMORY`."""
LEAST_MEMORY = 10
MOST_FACTORS = 32
"""With more outputs sparse rows too start from a diagonal."""
ARMIJO = 1e-4
"""The share of the decrease to first order that a step has to bring."""
SHORT = 0.9
"""A step is much too short if this share of the slope is left at its end."""
SHORTER = np.array([0.5**k for k in range(10, -1, -1)])
LONGER = np.array([1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0])
"""The parts of a step that phase "line" looks at, ascending."""
SHORTEST_FRACTION = 1e-10
PATIENCE = 50
"""Steps after which Newton's method is the shorter way, if it has few coefficients."""
MOST_LOOKS = 5
"""A step that was looked along so often cannot be told from rounding."""


def begin(problem: Problem, state: State) -> State:
    """Return the state of the first evaluation, or of the start that precedes it."""
    theta, _ = starting_point(problem, state)
    arrays = {
        **state.arrays,
        "solver": np.array("lbfgs"),
        "point_0": problem.to_scaled(theta),
        "threshold": np.array(ALL_BLOCKS),
        "n_iter": np.array(0),
        "n_points": np.array(0),
        "fraction": np.array(1.0),
        "slot": np.array(0),
        **NOTHING_YET,
    }
    started = State("descent", arrays)
    several = problem.sparse and problem.n_outputs <= MOST_FACTORS
    return coarse.begin(started) if several else started


def evaluate(problem: Problem, state: State, rows: LogisticRows) -> dict[str, Array]:
    """Sum what "descent" and "line" ask for over the rows of a worker."""
    slot = int(state["slot"])
    if state.phase == "descent":
        keep = None if problem.settings.l1 else slot
        theta = problem.from_scaled(trial(state))
        return rows.evaluate(theta, problem.bounds(state, theta), keep=keep)
    line = _line(problem, state)
    rows.ensure(1 - slot, line.origin)
    rows.ensure(slot, line.target)
    bounds = problem.line_bounds(state, line)
    return rows.trial(line.steps, bounds, origin=1 - slot, target=slot)


def advance(problem: Problem, state: State, totals: Mapping[str, Array]) -> State:
    """Take the totals of a round and return the state of the next one, or the last."""
    match state.phase:
        case "coarse":
            return coarse.finish(problem, state, totals)
        case "line":
            return _go_to_least(problem, state, totals)
    theta = problem.from_scaled(trial(state))
    seen = problem.evaluate(state, theta, totals)
    return telling(_judge(problem, state, theta, seen), seen)


def _judge(problem: Problem, state: State, theta: Float, seen: Evaluation) -> State:
    """Stay at the point that was evaluated, or look for a better part of the step."""
    if int(state["n_points"]):
        if not _low_enough(problem, state, theta, seen):
            return _shorten(problem, state, seen)
        if not problem.settings.l1 and float(state["fraction"]) == 1.0:
            left = dot(seen.scaled, trial(state) - newest(state))
            if left < SHORT * float(state["slope"]):
                return _look_along(state, LONGER)
    return _arrive(problem, _remember(problem, state, seen), theta, seen)


def _arrive(problem: Problem, state: State, theta: Float, seen: Evaluation) -> State:
    """Stop at the newest point, or go on from there."""
    if seen.steepest <= problem.settings.tol:
        return finish(state, theta, seen, converged=True)
    if int(state["n_iter"]) >= problem.settings.max_iter:
        return finish(state, theta, seen, converged=False)
    if int(state["n_iter"]) >= PATIENCE and newton_may_end(problem, most=SMALL):
        return newton.take_over(problem, _forgetful(state), theta)
    state = State(state.phase, {**state.arrays, **best(problem, state, theta, seen)})
    if int(state["n_iter"]) - int(state["best_number"]) >= _most_idle(problem):
        theta = problem.from_scaled(state[f"point_{int(state['best_number'])}"])
        loss, steepest = float(state["best_loss"]), float(state["best_steepest"])
        return _end(problem, state, theta, loss, steepest)
    origin = {
        "origin_loss": np.array(seen.loss),
        "origin_steepest": np.array(seen.steepest),
        "slot": np.array(1 - int(state["slot"])),
    }
    return _head(problem, State("descent", {**state.arrays, **origin}))


def _most_idle(problem: Problem) -> int:
    return LEAST_MEMORY if newton_may_end(problem) else _memory(problem)


def _end(problem: Problem, state: State, theta: Float, loss: float, steepest: float) -> State:
    """Let Newton's method go on where rounding leaves no step, or end there."""
    if newton_may_end(problem):
        return newton.take_over(problem, _forgetful(state), theta)
    return finish_at(state, theta, loss, steepest, converged=False)


def _forgetful(state: State, *kept: str) -> State:
    """Return the state without points and gradients, but for some."""
    arrays = {
        name: array
        for name, array in state.arrays.items()
        if name in kept or not name.startswith(("point_", "gradient_"))
    }
    return State(state.phase, arrays)


# --- directions -------------------------------------------------------------------------------


def _remember(problem: Problem, state: State, seen: Evaluation) -> State:
    """Keep the point that was evaluated as the newest of those that pairs are made from."""
    number = int(state["n_points"])
    gone = number - _memory(problem) - 1
    arrays = {
        name: array
        for name, array in state.arrays.items()
        if name not in (f"point_{gone}", f"gradient_{gone}")
    }
    arrays |= {
        f"gradient_{number}": seen.scaled,
        "n_points": np.array(number + 1),
        "n_iter": np.array(number),
    }
    return State(state.phase, arrays)


def _memory(problem: Problem) -> int:
    return memory_for(problem.n_outputs * (problem.n_features + 1))


def memory_for(n_coefficients: int) -> int:
    """Return how many pairs a direction is made from."""
    return max(LEAST_MEMORY, min(MEMORY, MEMORY_NUMBERS // n_coefficients))


def _head(problem: Problem, state: State) -> State:
    """Go from the newest point to where the objective should be less."""
    towards = heading(problem, state)
    arrays = {
        **state.arrays,
        "slope": np.array(dot(towards.slopes, towards.direction)),
        "n_looks": np.array(0),
    }
    return _try(problem, State("descent", arrays), towards, 1.0)


def _try(problem: Problem, state: State, towards: Heading, fraction: float) -> State:
    """Evaluate at a part of the step, or end where none is left."""
    origin = towards.origin
    reached = origin + towards.direction * fraction
    l1 = problem.scaled_l1
    if problem.settings.l1:
        orthant = np.where(origin != 0, np.sign(origin), -np.sign(towards.slopes))
        reached = np.where((reached * orthant > 0) | (l1 == 0), reached, 0.0)
    point = problem.to_scaled(problem.settled(reached))
    stuck = not float(state["slope"]) < 0 or np.array_equal(point, origin)
    if stuck or fraction < SHORTEST_FRACTION or int(state["n_looks"]) > MOST_LOOKS:
        return _give_up(problem, state)
    tried = {f"point_{int(state['n_points'])}": point, "fraction": np.array(fraction)}
    return State("descent", {**state.arrays, **tried})


def _give_up(problem: Problem, state: State) -> State:
    """Forget all but the newest point, then the two levels of the start; if neither is left, end there."""
    last = int(state["n_points"]) - 1
    known = f"point_{last - 1}" in state.arrays
    if problem.settings.l1 and not known and "coarse_factors" in state.arrays:
        arrays = {name: array for name, array in state.arrays.items() if name != "coarse_factors"}
        return _head(problem, State(state.phase, arrays))
    if not problem.settings.l1 or not known:
        loss, steepest = float(state["origin_loss"]), float(state["origin_steepest"])
        theta = problem.from_scaled(newest(state))
        return _end(problem, state, theta, loss, steepest)
    return _head(problem, _forgetful(state, f"point_{last}", f"gradient_{last}"))


# --- the length of a step ---------------------------------------------------------------------


def _low_enough(problem: Problem, state: State, theta: Float, seen: Evaluation) -> bool:
    before = float(state["origin_loss"])
    noise = problem.loss_noise(state, theta, before)
    promised = float(state["slope"]) * float(state["fraction"])
    return seen.loss <= before + ARMIJO * promised + noise


def _shorten(problem: Problem, state: State, seen: Evaluation) -> State:
    looks = np.array(int(state["n_looks"]) + 1)
    state = State(state.phase, {**state.arrays, "n_looks": looks})
    if not problem.settings.l1:
        return _look_along(state, SHORTER)
    fraction = float(state["fraction"])
    promised = float(state["slope"]) * fraction
    part = interpolate(float(state["origin_loss"]), promised, seen.loss)
    return _try(problem, state, heading(problem, state), fraction * part)


def _look_along(state: State, fractions: Float) -> State:
    return State("line", {**state.arrays, "fractions": fractions})


def _line(problem: Problem, state: State) -> Line:
    origin, target = (problem.from_scaled(point) for point in (newest(state), trial(state)))
    return Line(origin, target, state["fractions"])


def _go_to_least(problem: Problem, state: State, totals: Mapping[str, Array]) -> State:
    """Evaluate where the slope along the line changes its sign, by the secant rule."""
    slopes = problem.line_slopes(state, _line(problem, state), totals)
    places = state["fractions"]
    above = np.flatnonzero(slopes >= 0)
    if not len(above):
        part = float(places[-1])
    else:
        i = int(above[0])
        low = float(places[i - 1]) if i else 0.0
        below = float(slopes[i - 1]) if i else float(state["slope"]) * float(state["fraction"])
        share = min(0.9, max(0.1, below / (below - float(slopes[i]))))
        part = low + (float(places[i]) - low) * share
    return _try(problem, state, heading(problem, state), float(state["fraction"]) * part)
