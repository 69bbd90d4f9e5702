"""Greedy k-means++: one round of the store for each seed.

D. Arthur and S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007, with
several candidates a seed of which the best is kept. A step takes the last seed in, sums what each
candidate would leave of the potential (the weighted squared distances to the nearest seed), and
already draws, for each candidate, the candidates that come after it; update keeps the best one and
its successors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.kmeans import starts
from burly.algorithms.kmeans.numbers import draw_number
from burly.algorithms.kmeans.settings import (
    Limits,
    Phase,
    Scratch,
    Settings,
    overflow_error,
    without,
)
from burly.contributions import Part, Reducer, Step, Totals
from burly.data.checks import count_non_finite, refuse_counts
from burly.exact_sum import Grid, grid_for
from burly.kernels.seeding import Seeder
from burly.states import Array, State

RECENT = 32
"""Seeds in the array that changes every round: the others are sent once every so many rounds."""

OWN = ("settled", "recent", "trials", "largest")


def begin(settings: Settings, arrays: dict[str, Array], first: Array) -> State:
    """Return the state that goes on from the first seed, of shape (1, n_features)."""
    if settings.n_clusters == 1:
        return starts.first_iteration(arrays, first)
    nothing = first[:0].copy()
    return State("k-means++", {**arrays, "settled": nothing, "recent": first, "trials": nothing})


def step(settings: Settings, state: State, scratch: Scratch) -> Step:
    """Take the last seed in; weigh the candidates, and draw the successors of each."""
    start = int(state["start"])
    seeds = np.concatenate([state["settled"], state["recent"]])
    trials = state["trials"]
    seeder = scratch.seeder_for(start)
    if len(trials) == 0:
        return _first(settings, seeder, seeds, scratch, start)
    # Which rows are passed over decides in which order the others are added. So trials always meet
    # the rows together with the last seed, whatever this worker has done before this round.
    if seeder.n_seeds >= len(seeds):
        seeder.forget()
    if seeder.n_seeds < len(seeds) - 1:
        seeder.sweep(seeds[seeder.n_seeds : -1], trials[:0])
    left = seeder.sweep(seeds[-1:], trials)
    parts = {"left": Part(Reducer.SUM, sum_shards(left, potential_grid(state)))}
    if len(seeds) + 1 < settings.n_clusters:
        parts["drawn"] = _drawn(settings, seeder, left, draw_number(start, len(seeds)))
    return Step(parts)


def _first(settings: Settings, seeder: Seeder, seeds: Array, scratch: Scratch, start: int) -> Step:
    left = seeder.sweep(seeds[seeder.n_seeds :], seeds[:0])
    parts = reached(left, scratch)
    parts["drawn"] = _drawn(settings, seeder, left, draw_number(start, len(seeds)))
    return Step(parts)


def reached(left: NDArray[np.float64], scratch: Scratch) -> dict[str, Part]:
    """Return what the first sweep finds out: the largest sum of a shard, and values that are no numbers."""
    largest = float(left.max(initial=0.0))
    finite = bool(np.isfinite(left).all())
    odd = np.zeros(scratch.partition.info.n_features, dtype=np.int64)
    if not finite:
        odd = count_non_finite(scratch.partition)
        largest = np.inf
    return {
        "largest": Part(Reducer.MAX, np.array([largest])),
        "odd": Part(Reducer.SUM, odd),
    }


def _drawn(settings: Settings, seeder: Seeder, left: NDArray[np.float64], number: int) -> Part:
    if len(left) == 0:
        left = np.empty((0, left.shape[1]))
    rows = seeder.draw(left, settings.n_trials, seed=settings.seed, number=number)
    return Part(Reducer.ROWS, rows)


def update(settings: Settings, state: State, totals: Totals) -> State:
    """Keep the best candidate, and go on with its successors, or with Lloyd's iteration."""
    trials = state["trials"]
    settled, recent = state["settled"], state["recent"]
    chosen = 0
    arrays = without(state, "trials")
    if len(trials) == 0:
        check_reached(settings, totals, recent.dtype)
        arrays["largest"] = totals["largest"]
    else:
        chosen = int(np.argmin(potential_grid(state).decode(totals["left"])))
        recent = np.concatenate([recent, trials[chosen : chosen + 1]])
        n_seeds = len(settled) + len(recent)
        if n_seeds == settings.n_clusters:
            seeds = np.concatenate([settled, recent])
            return starts.first_iteration(without(state, *OWN), seeds)
        if len(recent) > RECENT:
            settled, recent = np.concatenate([settled, recent]), recent[:0].copy()
    drawn = totals["drawn"]
    n = settings.n_trials
    successors = [first_of(drawn, chosen * n + trial) for trial in range(n)]
    arrays.update(settled=settled, recent=recent, trials=np.stack(successors))
    n_seeds = len(settled) + len(recent)
    return State("k-means++", arrays, figures={"seeds": float(n_seeds)})


def first_of(drawn: Array, draw: int) -> Array:
    """Return the row that won a draw: rows come in the order of their keys."""
    winner = drawn[int(np.argmax(drawn["draw"] == draw))]
    return np.array(winner["values"])


def check_reached(settings: Settings, totals: Totals, dtype: np.dtype[np.floating]) -> None:
    """Refuse data whose distances are no numbers."""
    refuse_counts(totals["odd"], settings.feature_names)
    if not np.isfinite(totals["largest"][0]):
        raise overflow_error(dtype)


def potential_grid(state: State) -> Grid:
    """Return the grid for sums of what shards leave: they never grow from seed to seed."""
    return grid_for(2 * state["largest"], max(1, Limits.of(state).n_shards), 2)


def sum_shards(left: NDArray[np.float64], grid: Grid) -> NDArray[np.int64]:
    """Add sums of shards, of shape (n_shards, m), exactly; returns shape (levels, m)."""
    rounded: NDArray[np.int64] = grid.round(left[..., np.newaxis])[..., 0].sum(axis=1)
    return rounded


PHASE = Phase(step, update)
