"""The first round of a start: measure the weights, and draw rows by their weights only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from burly.algorithms.kmeans import plus_plus, scalable, starts
from burly.algorithms.kmeans.numbers import draw_number
from burly.algorithms.kmeans.settings import (
    Limits,
    Phase,
    Scratch,
    Settings,
    count_bad_weights,
    refuse_bad_weights,
    without,
)
from burly.contributions import Part, Reducer, Step, Totals
from burly.exceptions import DataError
from burly.states import State


def rows_wanted(settings: Settings) -> int:
    """Say how many rows this phase draws: one for the seedings that go on from there."""
    return {"random": settings.n_clusters, "given": 0}.get(settings.init, 1)


def step(settings: Settings, state: State, scratch: Scratch) -> Step:
    """Draw rows, count them, and look at their weights."""
    shards = scratch.partition.shards
    start = int(state["start"])
    wanted = rows_wanted(settings)
    largest, useful, bad = 1.0, scratch.partition.n_rows, 0
    if scratch.partition.info.weighted:
        weights = [shard.weights for shard in shards if shard.weights is not None]
        good = [w[(w > 0) & np.isfinite(w)] for w in weights]
        bad = count_bad_weights(scratch.partition)
        useful = sum(len(w) for w in good)
        largest = max((float(w.max()) for w in good if len(w)), default=0.0)
    counts = np.array([scratch.partition.n_rows, useful, bad], dtype=np.int64)
    parts = {
        "counts": Part(Reducer.SUM, counts),
        "largest": Part(Reducer.MAX, np.array([largest])),
    }
    if wanted:
        seeder = scratch.seeder_for(start)
        drawn = seeder.race(wanted, seed=settings.seed, number=draw_number(start, 0))
        parts["drawn"] = Part(Reducer.ROWS, drawn, limit=wanted)
    return Step(parts)


def update(settings: Settings, state: State, totals: Totals) -> State:
    """Check what was counted, and go on to what the seeding does next."""
    n_rows, useful, bad = totals["counts"].tolist()
    k = settings.n_clusters
    refuse_bad_weights(bad, n_rows)
    if n_rows < k:
        raise too_few(n_rows, k)
    if useful == 0:
        raise DataError(f"all {n_rows} weights are zero; at least one must be positive")
    largest = float(totals["largest"][0])
    limits = replace(Limits.of(state), max_rows=n_rows, largest_weight=largest)
    arrays = {**without(state), **limits.arrays()}
    state = State("draw", arrays)
    if settings.init == "given":
        return starts.begin(settings, arrays, int(state["start"]))
    rows = np.ascontiguousarray(totals["drawn"]["values"])
    if settings.init == "random":
        if len(rows) < k:
            raise DataError(
                f"only {useful} rows have a positive weight, fewer than n_clusters={k}; "
                "ask for fewer clusters, or use init='k-means++'"
            )
        return starts.first_iteration(arrays, rows)
    if settings.init == "k-means||":
        return scalable.begin(settings, arrays, rows)
    return plus_plus.begin(settings, arrays, rows)


def too_few(n_rows: int, n_clusters: int) -> DataError:
    """Return the error for fewer rows than clusters."""
    return DataError(
        f"n_samples={n_rows} should be >= n_clusters={n_clusters}: "
        "there are fewer rows than clusters; ask for fewer clusters"
    )


PHASE = Phase(step, update)
