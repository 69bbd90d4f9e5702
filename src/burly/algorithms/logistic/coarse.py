"""Where L-BFGS starts its model of the Hessian from: a diagonal, for sparse rows in two levels.

In scaled columns every column has a mean square of one, so c plus the penalty is the Hessian's diagonal
where c is how strongly a row curves the loss on average. Dense rows are centred and make do with that.

Columns of counts go together: a long row has more of everything. So the frequent columns F, the
intercept, and the sum of all other columns R get a Hessian of their own, A, from a sample of the rows,
and only what R does beside its sum is left to the diagonal D. With q the coefficients of R that make
its sum,

    H^-1 g  ~  E A^-1 E^T g  +  D^-1 g_R - q (q . g_R) / (q . D q),

where E puts F and the intercept in their places and spreads the sum over R as q. It is the exact inverse
for a Hessian in which the part of R that is orthogonal to q, in the metric of D, has D and no other
neighbour.

Rows curve the loss as the classes alone would have it, so A is one matrix of sums of squares and
products, times a number a class.

Columns that add up to the intercept's ones, or fewer rows than columns, leave A singular but for the
penalty. An l1 term has no curvature, but l1 |theta| <= l1 (theta^2 + 1) / 2, which touches it at
coefficients of size 1. So A takes it for an l2 term of the same weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.logistic.curvature import RIDGE, pack, unpack
from burly.algorithms.logistic.preparing import threshold_for
from burly.algorithms.logistic.problem import Problem
from burly.data.partition import Partition, ShardRows
from burly.kernels import ThreadTeam
from burly.kernels.linear_algebra import cholesky, cholesky_solve, dot
from burly.kernels.logistic import ALL_BLOCKS, BLOCK_ROWS, Bounds, LogisticRows, Scaling, Units
from burly.states import State

Array = NDArray[Any]
Float = NDArray[np.float64]

FREQUENT = 256
"""Columns with a place of their own in A."""
LEAST_LEFT = 0.1
"""Of what is common to all outputs at most so large a part of its curvature is taken for none."""
SAMPLE_ROWS = 8192
"""About so many rows is A taken from."""


def curvatures(problem: Problem) -> Float:
    """Return how strongly a row curves the loss by each output, if classes are all that is known.

    For two classes p (1 - p). The joint curvature of K >= 3 classes, diag(p) - p p^T, acts like diag(p)
    on steps that add to zero over the classes, but for such a part.
    """
    shares = problem.class_totals / problem.total
    least = 1e-6
    if problem.n_outputs == 1:
        return np.array([max(float(shares[0] * shares[1]), least)])
    return np.maximum(shares, least)


def diagonal(problem: Problem) -> Float:
    """Return the model's diagonal, shape (n_outputs, D)."""
    return curvatures(problem)[:, np.newaxis] + problem.scaled_l2


def begin(state: State) -> State:
    """Return the state that asks for A."""
    seen = state["nonzeros"]
    order = np.argsort(-seen, kind="stable")[:FREQUENT]
    arrays = {
        **state.arrays,
        "frequent": np.sort(order[seen[order] > 0]),
        "coarse_threshold": np.array(threshold_for(SAMPLE_ROWS, float(state["n_rows"]))),
    }
    return State("coarse", arrays)


def evaluate(
    problem: Problem,
    state: State,
    partition: Partition,
    codes: Sequence[NDArray[np.int32]],
    team: ThreadTeam,
) -> dict[str, Array]:
    """Sum squares and products of F, the sum of R, and ones over the rows of the sample."""
    threshold = int(state["coarse_threshold"])
    places = _places(problem, state)
    width = len(state["frequent"]) + 1
    shards = []
    for shard, labels in zip(partition.shards, codes, strict=True):
        chosen = _sampled(shard, len(labels), threshold)
        weights = state["class_weight"][labels[chosen]]
        if shard.weights is not None:
            weights = weights * shard.weights[chosen]
        shards.append(
            ShardRows(shard.ordinal, _narrowed(shard.X, chosen, places, width), weights=weights)
        )
    info = replace(partition.info, n_features=width, weighted=True, sparse=False)
    rows = LogisticRows(Partition(info, shards), team)
    rows.label([np.zeros(len(shard.X), dtype=np.int32) for shard in shards], 2)
    still = np.zeros((1, info.n_features + 1))
    bounds, scaling = _grid(problem, state)
    return rows.evaluate(still, bounds, gradient=False, hessian=scaling)


def finish(problem: Problem, state: State, totals: Mapping[str, Array]) -> State:
    """Return the state of the first evaluation, with the factors of A."""
    if not int(np.sum(totals["count"])):
        wider = min(int(state["coarse_threshold"]) * 2, ALL_BLOCKS)
        return State("coarse", {**state.arrays, "coarse_threshold": np.array(wider)})
    bounds, scaling = _grid(problem, state)
    sums = Units.of(bounds, scaling).values(totals)
    # At margins of zero a row has a curvature of 1/4.
    weight = max(float(sums["weight"][0]), 1e-300)
    squares = unpack(sums["hessian"][0] * (4.0 / weight), len(bounds.columns) + 1)
    spread = _spread(problem, state)
    l2 = problem.scaled_l2 + problem.l1 * problem.stretch * problem.stretch
    penalty = np.concatenate([l2[state["frequent"]], [dot(spread * l2, spread)], l2[-1:]])
    factors = []
    for curvature in curvatures(problem):
        matrix = squares * curvature
        np.fill_diagonal(matrix, np.diagonal(matrix) * (1.0 + RIDGE) + penalty)
        if not problem.settings.fit_intercept:
            matrix[:, -1] = 0.0
            matrix[-1, -1] = 1.0
        factors.append(pack(cholesky(matrix)[0]))
    return State("descent", {**state.arrays, "coarse_factors": np.array(factors)})


class Start:
    """The inverse of the model, ready to be applied."""

    def __init__(self, problem: Problem, state: State) -> None:
        self._problem = problem
        self._diagonal = diagonal(problem)
        self._factors: list[Float] = []
        if "coarse_factors" in state.arrays:
            self._frequent = state["frequent"]
            size = len(self._frequent) + 2
            self._factors = [unpack(packed, size) for packed in state["coarse_factors"]]
            self._spread = _spread(problem, state)

    def solve(self, gradient: Float) -> Float:
        """Return H^-1 g, shapes (n_outputs, D)."""
        product: Float = gradient / self._diagonal
        for k, factor in enumerate(self._factors):
            self._correct(product[k], factor, gradient[k], self._diagonal[k])
        return _with_joint_curvature(self._problem, self._diagonal, product)

    def _correct(self, product: Float, factor: Float, gradient: Float, diagonal: Float) -> None:
        """Replace what the diagonal says of F, the intercept and the sum of R, in place."""
        of_sum = dot(self._spread, gradient)
        right = np.concatenate([gradient[self._frequent], [of_sum], gradient[-1:]])
        solution = cholesky_solve(factor, right)
        product[self._frequent] = solution[:-2]
        product[-1] = solution[-1]
        weight = dot(self._spread * diagonal, self._spread)
        if weight > 0:
            product += self._spread * (float(solution[-2]) - of_sum / weight)


def _grid(problem: Problem, state: State) -> tuple[Bounds, Scaling]:
    """Return the bounds and the scaling of F and the sum of R."""
    frequent, columns = state["frequent"], state["column_bounds"]
    rest = np.copy(columns)
    rest[frequent] = 0.0
    narrow = np.append(columns[frequent], dot(rest, np.ones_like(rest)))
    bounds = replace(
        problem.bounds(state, problem.from_scaled(state["point_0"])), columns=narrow, margin=1.0
    )
    scale = np.append(problem.scale[frequent], 1.0)
    return bounds, Scaling(np.zeros_like(scale), scale)


def _spread(problem: Problem, state: State) -> Float:
    """Return q: the scaled coefficients that add up the columns R, shape (D,)."""
    spread = np.where(state["nonzeros"] > 0, 1.0 / problem.scale, 0.0)
    spread[state["frequent"]] = 0.0
    return np.append(spread, 0.0)


def _places(problem: Problem, state: State) -> NDArray[np.int64]:
    """Return where each column goes: F in order, then the sum of R."""
    frequent = state["frequent"]
    places = np.full(problem.n_features, len(frequent), dtype=np.int64)
    places[frequent] = np.arange(len(frequent))
    return places


def _sampled(shard: ShardRows, n_rows: int, threshold: int) -> NDArray[np.int64]:
    """Return the rows of a shard whose blocks are in a sample: the kernels' own choice."""
    rows = np.arange(n_rows, dtype=np.int64)
    z = np.arange(-(-n_rows // BLOCK_ROWS), dtype=np.uint64)
    z += np.uint64((shard.ordinal * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % (1 << 64))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    chosen = (z ^ (z >> np.uint64(31))) >> np.uint64(32) < np.uint64(threshold)
    return rows[np.repeat(chosen, BLOCK_ROWS)[:n_rows]]


def _narrowed(X: Any, rows: NDArray[np.int64], places: NDArray[np.int64], width: int) -> Array:
    """Return rows of a CSR matrix with their columns put, and added up, in these places of `width`."""
    begins = X.indptr[rows].astype(np.int64)
    lengths = X.indptr[rows + 1].astype(np.int64) - begins
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    entries = np.repeat(begins, lengths) + within
    cells = np.repeat(np.arange(len(rows)) * width, lengths) + places[X.indices[entries]]
    dense = np.bincount(cells, X.data[entries], minlength=len(rows) * width)
    return np.ascontiguousarray(dense.reshape(len(rows), width).astype(X.dtype))


def _with_joint_curvature(problem: Problem, diagonal: Float, product: Float) -> Float:
    """Make of D^-1 g the product with the inverse of D - p p^T, which joins K >= 3 outputs.

    What is added to all outputs alike changes no loss. Without an l1 term its best amount is none; an l1
    term has its own idea of it, but for the intercept, and D - p p^T is inverted as far as that is wise.
    """
    if problem.n_outputs == 1:
        return product
    common = _over_outputs(product) / len(product)
    if problem.settings.l1:
        shares = curvatures(problem)[:, np.newaxis]
        left = 1.0 - _over_outputs(shares * shares / diagonal)
        added = shares / diagonal * (_over_outputs(shares * product) / np.maximum(left, LEAST_LEFT))
        return np.where(problem.l1 > 0, product + added, product - common)
    return product - common


def _over_outputs(values: Float) -> Float:
    total = np.zeros(values.shape[1])
    for row in values:
        total = total + row
    return total
