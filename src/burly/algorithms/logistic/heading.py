"""The search direction of L-BFGS, from the points and gradients in the states only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.logistic import coarse
from burly.algorithms.logistic.penalty import smallest_subgradient
from burly.algorithms.logistic.problem import Problem
from burly.kernels.linear_algebra import dot
from burly.states import State

Array = NDArray[Any]
Float = NDArray[np.float64]
Pair = tuple[Float, Float]

FLAT = 1e-10
"""A pair with a smaller cosine says nothing of the curvature."""


def trial(state: State) -> Float:
    """Return the point to evaluate, or that was evaluated."""
    return state[f"point_{int(state['n_points'])}"]


def newest(state: State) -> Float:
    """Return the last point that was kept."""
    return state[f"point_{int(state['n_points']) - 1}"]


def _pairs(state: State) -> list[Pair]:
    """Return steps and changes of the gradient, the oldest first."""
    oldest = last = int(state["n_points"]) - 1
    while f"point_{oldest - 1}" in state.arrays:
        oldest -= 1
    numbers = range(oldest, last + 1)
    points = [state[f"point_{number}"] for number in numbers]
    gradients = [state[f"gradient_{number}"] for number in numbers]
    return [
        (point - earlier, gradient - old)
        for (earlier, point), (old, gradient) in zip(
            pairwise(points), pairwise(gradients), strict=True
        )
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


@dataclass(frozen=True, slots=True)
class Heading:
    """Where the newest point lies, which way down is, and where to go; scaled columns."""

    origin: Float
    slopes: Float
    direction: Float


def heading(problem: Problem, state: State) -> Heading:
    """Return what the points and gradients of a state say: the same whenever it is asked."""
    scaled = newest(state)
    gradient = state[f"gradient_{int(state['n_points']) - 1}"]
    slopes = smallest_subgradient(gradient, scaled, problem.scaled_l1)
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
    return Heading(scaled, slopes, direction)
