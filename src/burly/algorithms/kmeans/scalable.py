"""k-means||: many seeds a round in a few rounds, then k of them.

B. Bahmani, B. Moseley, A. Vattani, R. Kumar and S. Vassilvitskii, "Scalable k-means++", VLDB 2012,
with l = 2 k and five rounds. Each is two rounds of the store: the potential, and rows that each pass
a draw of their own with a probability proportional to their share of it. In the end each candidate
weighs what the rows nearest to it weigh, and k-means on the weighted candidates, done by whoever
finishes the round, makes the first centres.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from burly.algorithms.kmeans import starts
from burly.algorithms.kmeans.numbers import draw_number
from burly.algorithms.kmeans.plus_plus import (
    check_reached,
    potential_grid,
    reached,
    sum_shards,
)
from burly.algorithms.kmeans.settings import Limits, Phase, Scratch, Settings, without
from burly.contributions import Part, Reducer, Step, Totals
from burly.data.partition import SHARD_ROWS, DatasetInfo, Partition, ShardRows
from burly.exact_sum import Grid, grid_for
from burly.kernels.seeding import Seeder
from burly.states import Array, State

ROUNDS = 5
OVERSAMPLING = 2
"""Candidates expected of a round, in multiples of n_clusters."""

Reduce = Callable[[Settings, Partition, int], Array]
"""Takes the settings, weighted candidates and the number of the start; returns k centres."""

OWN = ("candidates", "largest", "potential", "passed")


def begin(settings: Settings, arrays: dict[str, Array], first: Array) -> State:
    """Return the state that goes on from the first seed, of shape (1, n_features)."""
    if settings.n_clusters == 1:
        return starts.first_iteration(arrays, first)
    return State("k-means|| reach", {**arrays, "candidates": first, "passed": np.array(0)})


def reach_step(settings: Settings, state: State, scratch: Scratch) -> Step:  # noqa: ARG001
    """Take the new candidates in, and sum what they leave."""
    seeder = scratch.seeder_for(int(state["start"]))
    candidates = state["candidates"]
    left = seeder.sweep(candidates[seeder.n_seeds :], candidates[:0])
    if "largest" not in state.arrays:
        return Step(reached(left, scratch))
    return Step({"left": Part(Reducer.SUM, sum_shards(left, potential_grid(state)))})


def reach_update(settings: Settings, state: State, totals: Totals) -> State:
    """Go on to the draws; the first time, sum once more now that the bound on the sums is known."""
    if "largest" not in state.arrays:
        check_reached(settings, totals, state["candidates"].dtype)
        return State("k-means|| reach", {**state.arrays, "largest": totals["largest"]})
    potential = potential_grid(state).decode(totals["left"])
    if not potential[0] > 0:
        return State("k-means|| weigh", state.arrays)
    return State("k-means|| sample", {**state.arrays, "potential": potential})


def sample_step(settings: Settings, state: State, scratch: Scratch) -> Step:
    """Draw each row by itself."""
    seeder = _caught_up(state, scratch)
    factor = OVERSAMPLING * settings.n_clusters / float(state["potential"][0])
    number = draw_number(int(state["start"]), 1 + int(state["passed"]))
    rows = seeder.sample(factor, seed=settings.seed, number=number)
    return Step({"drawn": Part(Reducer.ROWS, rows)})


def sample_update(settings: Settings, state: State, totals: Totals) -> State:  # noqa: ARG001
    """Add the rows that were drawn to the candidates."""
    candidates = np.concatenate([state["candidates"], totals["drawn"]["values"]])
    passed = int(state["passed"]) + 1
    arrays = {**without(state, "potential"), "candidates": candidates, "passed": np.array(passed)}
    following = "k-means|| weigh" if passed == ROUNDS else "k-means|| reach"
    return State(following, arrays, figures={"candidates": float(len(candidates))})


def weigh_step(settings: Settings, state: State, scratch: Scratch) -> Step:
    """Weigh the candidates, and draw rows in reserve, in case there are too few."""
    seeder = _caught_up(state, scratch)
    grid = _weight_grid(state)
    weights = seeder.weigh(len(state["candidates"]), grid)
    number = draw_number(int(state["start"]), 1 + ROUNDS)
    missing = max(0, settings.n_clusters - len(state["candidates"]))
    reserve = seeder.race(missing, seed=settings.seed, number=number)
    return Step(
        {
            "weights": Part(Reducer.SUM, weights),
            "reserve": Part(Reducer.ROWS, reserve, limit=missing),
        }
    )


def weigh_update(settings: Settings, state: State, totals: Totals, reduce: Reduce) -> State:
    """Make k centres of the weighted candidates."""
    candidates = state["candidates"]
    weights = _weight_grid(state).decode(totals["weights"][..., np.newaxis])[..., 0]
    missing = settings.n_clusters - len(candidates)
    useful = weights > 0
    if missing > 0:
        reserve = totals["reserve"]["values"][:missing]
        padding = candidates[np.zeros(missing - len(reserve), dtype=np.int64)]
        centers = np.concatenate([candidates, reserve, padding])
    elif np.count_nonzero(useful) <= settings.n_clusters:
        # Those that no row is nearest to are copies of others: they only fill up the number.
        centers = candidates[np.argsort(~useful, kind="stable")[: settings.n_clusters]]
    else:
        centers = reduce(
            settings, _partition(candidates[useful], weights[useful]), int(state["start"])
        )
    return starts.first_iteration(without(state, *OWN), centers)


def _caught_up(state: State, scratch: Scratch) -> Seeder:
    """Return the seeder with all candidates taken in."""
    seeder = scratch.seeder_for(int(state["start"]))
    candidates = state["candidates"]
    if seeder.n_seeds < len(candidates):
        seeder.sweep(candidates[seeder.n_seeds :], candidates[:0])
    return seeder


def _weight_grid(state: State) -> Grid:
    limits = Limits.of(state)
    # A term is the weight of a whole shard.
    bound = limits.largest_weight * min(limits.max_rows, 2**31)
    return grid_for(np.array([bound]), max(1, limits.n_shards), 2)


def _partition(candidates: Array, weights: Array) -> Partition:
    """Return weighted candidates as rows of a dataset of their own."""
    n = len(candidates)
    shards = [
        ShardRows(i, candidates[at : at + SHARD_ROWS], None, weights[at : at + SHARD_ROWS])
        for i, at in enumerate(range(0, n, SHARD_ROWS))
    ]
    info = DatasetInfo(
        n_features=candidates.shape[1],
        dtype=candidates.dtype,
        n_shards=len(shards),
        n_rows=n,
        max_rows=n,
        weighted=True,
    )
    return Partition(info, shards)


REACH = Phase(reach_step, reach_update)
SAMPLE = Phase(sample_step, sample_update)


def weigh(reduce: Reduce) -> Phase:
    """Return the last phase; k-means on the candidates is handed in by whoever has all of it."""
    return Phase(weigh_step, partial(weigh_update, reduce=reduce))
