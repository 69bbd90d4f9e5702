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

A point is published once, as ``point_i`` and ``gradient_i``, in scaled columns; states name the last ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.logistic import coarse
from burly.algorithms.logistic.finishing import finish, finish_at, interpolate
from burly.algorithms.logistic.problem import Evaluation, Line, Problem, smallest_subgradient
from burly.algorithms.logistic.starting import starting_point
from burly.kernels.linear_algebra import dot
from burly.kernels.logistic import ALL_BLOCKS, LogisticRows
from burly.states import State

Array = NDArray[Any]
Float = NDArray[np.float64]
Pair = tuple[Float, Float]

MEMORY = 20
"""Pairs of steps and changes of the gradient that a direction is made from."""
MEMORY_NUMBERS = 1 << 24
"""They are fewer where they would hold more numbers than this, but not below `LEAST_MEMORY`."""
LEAST_MEMORY = 10
MOST_FACTORS = 32
"""With more outputs sparse rows too start from a diagonal."""
FLAT = 1e-10
"""A pair with a smaller cosine says nothing of the curvature."""
ARMIJO = 1e-4
"""The share of the decrease to first order that a step has to bring."""
SHORT = 0.9
"""A step is much too short if this share of the slope is left at its end."""
SHORTER = np.array([0.5**k for k in range(10, -1, -1)])
LONGER = np.array([1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0])
"""The parts of a step that phase "line" looks at, ascending."""
SHORTEST_FRACTION = 1e-10
MOST_IDLE = 10
"""So many steps may pass without a smaller gradient or objective: more are rounding alone."""
MOST_LOOKS = 5
"""A step that was looked along so often cannot be told from rounding."""


def begin(problem: Problem, state: State) -> State:
    """Return the state of the first evaluation, or of the start that precedes it."""
    theta, _ = starting_point(problem, state)
    arrays = {
        **state.arrays,
        "solver": np.array("lbfgs"),
        "theta": theta,
        "threshold": np.array(ALL_BLOCKS),
        "n_iter": np.array(0),
        "n_points": np.array(0),
        "fraction": np.array(1.0),
        "slot": np.array(0),
        "best_steepest": np.array(np.inf),
        "best_loss": np.array(np.inf),
        "best_number": np.array(0),
    }
    started = State("descent", arrays)
    several = problem.sparse and problem.n_outputs <= MOST_FACTORS
    return coarse.begin(started) if several else started


def evaluate(problem: Problem, state: State, rows: LogisticRows) -> dict[str, Array]:
    """Sum what "descent" and "line" ask for over the rows of a worker."""
    slot = int(state["slot"])
    if state.phase == "descent":
        keep = None if problem.settings.l1 else slot
        return rows.evaluate(state["theta"], problem.bounds(state), keep=keep)
    line = _line(state)
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
    seen = problem.evaluate(state, totals)
    if int(state["n_points"]):
        if not _low_enough(problem, state, seen):
            return _shorten(problem, state, seen)
        if not problem.settings.l1 and float(state["fraction"]) == 1.0:
            left = dot(seen.scaled, state["direction"])
            if left < SHORT * float(state["slope"]):
                return _look_along(state, LONGER)
    return _arrive(problem, _remember(problem, state, seen), seen)


def _arrive(problem: Problem, state: State, seen: Evaluation) -> State:
    """Stop at the newest point, or go on from there."""
    if seen.steepest <= problem.settings.tol:
        return finish(state, state["theta"], seen, converged=True)
    if int(state["n_iter"]) >= problem.settings.max_iter:
        return finish(state, state["theta"], seen, converged=False)
    lower = seen.loss < float(state["best_loss"]) - problem.loss_noise(state, seen.loss)
    if lower or seen.steepest < float(state["best_steepest"]):
        best = {
            "best_loss": np.array(seen.loss),
            "best_steepest": np.array(seen.steepest),
            "best_number": state["n_iter"],
        }
        state = State(state.phase, {**state.arrays, **best})
    elif int(state["n_iter"]) - int(state["best_number"]) >= MOST_IDLE:
        theta = problem.from_scaled(state[f"point_{int(state['best_number'])}"])
        loss, steepest = float(state["best_loss"]), float(state["best_steepest"])
        return finish_at(state, theta, loss, steepest, converged=False)
    origin = {
        "origin": state["theta"],
        "origin_loss": np.array(seen.loss),
        "origin_steepest": np.array(seen.steepest),
        "slot": np.array(1 - int(state["slot"])),
    }
    return _head(problem, State("descent", {**state.arrays, **origin}))


# --- directions -------------------------------------------------------------------------------


def _remember(problem: Problem, state: State, seen: Evaluation) -> State:
    """Keep the point as the newest of those that pairs are made from."""
    number = int(state["n_points"])
    size = problem.n_outputs * (problem.n_features + 1)
    memory = max(LEAST_MEMORY, min(MEMORY, MEMORY_NUMBERS // size))
    gone = number - memory - 1
    arrays = {
        name: array
        for name, array in state.arrays.items()
        if name not in (f"point_{gone}", f"gradient_{gone}")
    }
    reached = problem.to_scaled(state["theta"])
    arrays |= {
        f"point_{number}": reached,
        f"gradient_{number}": seen.scaled,
        "n_points": np.array(number + 1),
        "n_iter": np.array(number),
    }
    return State(state.phase, arrays)


def _pairs(state: State) -> list[Pair]:
    """Return steps and changes of the gradient, the oldest first."""
    newest = int(state["n_points"]) - 1
    oldest = newest
    while f"point_{oldest - 1}" in state.arrays:
        oldest -= 1
    return [
        (
            state[f"point_{number + 1}"] - state[f"point_{number}"],
            state[f"gradient_{number + 1}"] - state[f"gradient_{number}"],
        )
        for number in range(oldest, newest)
    ]


def _curved(pairs: list[Pair]) -> list[Pair]:
    """Leave out pairs of whose curvature rounding may have left nothing."""
    return [(s, y) for s, y in pairs if dot(s, y) > FLAT * float(np.sqrt(dot(s, s) * dot(y, y)))]


def _times_inverse(pairs: list[Pair], start: coarse.Start, gradient: Float) -> Float:
    """Return the product of the inverse Hessian, as L-BFGS knows it, with a vector."""
    rest = gradient
    weights = []
    for step, change in reversed(pairs):
        weight = dot(step, rest) / dot(step, change)
        weights.append(weight)
        rest = rest - change * weight
    product = start.solve(rest)
    if pairs:
        step, change = pairs[-1]
        product = product * (dot(step, change) / dot(change, start.solve(change)))
    for (step, change), weight in zip(pairs, reversed(weights), strict=True):
        product = product + step * (weight - dot(change, product) / dot(step, change))
    return product


def _head(problem: Problem, state: State) -> State:
    """Go from the newest point to where the objective should be less."""
    newest = int(state["n_points"]) - 1
    scaled = state[f"point_{newest}"]
    slopes = smallest_subgradient(state[f"gradient_{newest}"], scaled, problem.scaled_l1)
    pairs, start = _pairs(state), coarse.Start(problem, state)
    if problem.settings.l1:
        # What an l1 term holds at zero has no part in the model of the others.
        free = (scaled != 0) | (slopes != 0) | (problem.l1 == 0)
        held = [(step * free, change * free) for step, change in pairs]
        direction = -_times_inverse(_curved(held), start, slopes) * free
        rises = (scaled == 0) & (problem.l1 > 0) & (direction * slopes >= 0)
        direction = np.where(rises, 0.0, direction)
    else:
        direction = -_times_inverse(_curved(pairs), start, slopes)
    arrays = {
        **state.arrays,
        "direction": direction,
        "slopes": slopes,
        "slope": np.array(dot(slopes, direction)),
        "n_looks": np.array(0),
    }
    return _try(problem, State("descent", arrays), 1.0)


def _try(problem: Problem, state: State, fraction: float) -> State:
    """Evaluate at a part of the step, or end where none is left."""
    scaled = state[f"point_{int(state['n_points']) - 1}"]
    reached = scaled + state["direction"] * fraction
    l1 = problem.scaled_l1
    if problem.settings.l1:
        orthant = np.where(scaled != 0, np.sign(scaled), -np.sign(state["slopes"]))
        reached = np.where((reached * orthant > 0) | (l1 == 0), reached, 0.0)
    theta = problem.from_scaled(reached)
    stuck = not float(state["slope"]) < 0 or np.array_equal(theta, state["origin"])
    if stuck or fraction < SHORTEST_FRACTION or int(state["n_looks"]) > MOST_LOOKS:
        return _give_up(problem, state)
    return State("descent", {**state.arrays, "theta": theta, "fraction": np.array(fraction)})


def _give_up(problem: Problem, state: State) -> State:
    """Forget all but the newest point; if nothing else was known, end there."""
    newest = int(state["n_points"]) - 1
    known = f"point_{newest - 1}" in state.arrays
    if not problem.settings.l1 or not known:
        loss, steepest = float(state["origin_loss"]), float(state["origin_steepest"])
        return finish_at(state, state["origin"], loss, steepest, converged=False)
    kept = (f"point_{newest}", f"gradient_{newest}")
    arrays = {
        name: array
        for name, array in state.arrays.items()
        if name in kept or not name.startswith(("point_", "gradient_"))
    }
    return _head(problem, State("descent", arrays))


# --- the length of a step ---------------------------------------------------------------------


def _low_enough(problem: Problem, state: State, seen: Evaluation) -> bool:
    before = float(state["origin_loss"])
    noise = problem.loss_noise(state, before)
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
    return _try(problem, state, fraction * part)


def _look_along(state: State, fractions: Float) -> State:
    return State("line", {**state.arrays, "fractions": fractions})


def _line(state: State) -> Line:
    return Line(state["origin"], state["theta"], state["fractions"])


def _go_to_least(problem: Problem, state: State, totals: Mapping[str, Array]) -> State:
    """Evaluate where the slope along the line changes its sign, by the secant rule."""
    slopes = problem.line_slopes(state, _line(state), totals)
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
    return _try(problem, state, float(state["fraction"]) * part)
