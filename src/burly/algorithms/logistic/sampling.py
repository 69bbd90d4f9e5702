"""Which rows Newton's method looks at: growing samples of the blocks, then all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.logistic.preparing import threshold_for
from burly.algorithms.logistic.problem import Problem, in_order
from burly.kernels.logistic import ALL_BLOCKS
from burly.states import State

Array = NDArray[Any]

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
GROWTH = 5.5
"""How much larger each sample is than the last, about."""


def plan(problem: Problem, n_rows: float, *, warm: bool) -> list[tuple[float, bool]]:
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
    samples = [] if warm else [(sizes[0], True)]
    samples.append((sizes[1], True))
    span = max(1.0, n_rows / LAST_SHARE / sizes[1])
    count, square = 0, GROWTH
    while square < span * span:
        count += 1
        square *= GROWTH * GROWTH
    if warm:
        count = 0
    growth = _root(span, count)
    for _ in range(count):
        samples.append((samples[-1][0] * growth, False))
    return samples


def _root(x: float, n: int) -> float:
    """Return the n-th root of a number of at least 1, by halving: the same bits everywhere."""
    low, high = 1.0, x
    for _ in range(60 if n else 0):
        middle = (low + high) / 2
        power = 1.0
        for _ in range(n):
            power *= middle
        low, high = (middle, high) if power < x else (low, middle)
    return high


def visit(state: State, *, stage: int) -> State:
    """Return the state that evaluates at ``theta`` over the sample of a stage, or a wider one before it."""
    rows = state["plan_rows"]
    if stage < len(rows):
        hessian = bool(state["plan_hessian"][stage]) or bool(state["wants_hessian"])
        planned = threshold_for(float(rows[stage]), float(state["n_rows"]))
        threshold = max(planned, int(state.arrays.get("threshold", 0)))
    else:
        hessian = bool(state["wants_hessian"]) or not len(rows)
        threshold = ALL_BLOCKS
    return State(
        "sample" if threshold < ALL_BLOCKS else "pass",
        {
            **state.arrays,
            "stage": np.array(stage),
            "threshold": np.array(threshold),
            "hessian_wanted": np.array(hessian),
            "wants_hessian": np.array(0),
        },
    )


def too_small(problem: Problem, state: State, totals: Mapping[str, Array]) -> bool:
    """Whether a Hessian's sample has too little of the weight, or none of a class's.

    Later samples hold at least as much.
    """
    if is_full(state) or "hessian" not in totals:
        return False
    weights = problem.weights(totals)
    wanted = problem.total * (int(state["threshold"]) / ALL_BLOCKS)
    missing = (weights == 0) & (problem.class_totals > 0)
    return 2 * in_order(weights) < wanted or bool(np.any(missing))


def is_full(state: State) -> bool:
    """Whether a state looks at all rows."""
    return int(state["threshold"]) >= ALL_BLOCKS
