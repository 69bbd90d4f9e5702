"""Empty clusters move to the rows that are farthest from their centres, as in scikit-learn.

The farthest rows over all workers are found by a dense pass; ties go by shard and row, and rows of
weight 0 do not take part, as if they were absent. Each leaves its cluster, exactly, and becomes one
of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.kmeans import lloyd
from burly.algorithms.kmeans.settings import Phase, Scratch, Settings
from burly.contributions import Part, Reducer, Step, Totals
from burly.states import Array, State


def step(settings: Settings, state: State, scratch: Scratch) -> Step:
    """Contribute the sums again, and the farthest rows."""
    again = lloyd.step(settings, state, scratch)
    n = int(state["n_empty"])
    if scratch.lloyd is None:
        raise ValueError("a step has made the scratch")
    farthest = scratch.lloyd.farthest(state["centers"], n)
    return Step({**again.contribution, "farthest": Part(Reducer.ROWS, farthest, limit=n)})


def update(settings: Settings, state: State, totals: Totals) -> State:
    """Take the farthest rows out of their clusters, and go on as without empty ones."""
    grids = lloyd.Grids.of(state)
    rows = totals["farthest"]
    sums = totals["sums"].copy()
    counts = totals["counts"].copy()
    weights = totals["weights"].copy() if "weights" in totals else None
    empty = np.flatnonzero(lloyd.decode(state, totals).weights == 0)
    # More clusters than distinct rows: every row lies on its centre, and there is nowhere to go.
    apart = rows[_are_apart(rows, state, totals)]
    for cluster, row in zip(empty.tolist(), apart, strict=False):
        old, weight = int(row["label"]), float(row["weight"])
        term = grids.terms.round(row["values"].astype(np.float64) * weight)
        sums[:, old] -= term
        sums[:, cluster] = term
        counts[old] -= 1
        counts[cluster] = 1
        if weights is not None and grids.weights is not None:
            part = grids.weights.round(np.array([weight]))[:, 0]
            weights[:, old] -= part
            weights[:, cluster] = part
    moved = {**totals, "sums": sums, "counts": counts}
    if weights is not None:
        moved["weights"] = weights
    clusters = lloyd.decode(state, moved)
    # The inertia, should this be the end, is that of the labels: their sums, not the moved ones.
    return lloyd.advance(settings, state, totals, clusters)


def _are_apart(rows: Array, state: State, totals: Totals) -> NDArray[np.bool_]:
    """Tell which rows differ from their centres by more than the mean of such rows is rounded by.

    The mean of equal rows may lie some units in the last place beside them. Moving a cluster there would
    move others again in every round.
    """
    labels = rows["label"]
    quanta = lloyd.Grids.of(state).terms.quanta[-1]
    weights = lloyd.decode(state, totals).weights
    with np.errstate(divide="ignore"):  # a row too light for the sums has no place to go to
        rounded = (totals["counts"][labels] / weights[labels])[:, np.newaxis] * quanta
    values = rows["values"]
    off = np.abs(values.astype(np.float64) - state["centers"][labels])
    apart: NDArray[np.bool_] = (off > 4.0 * np.spacing(np.abs(values)) + rounded).any(axis=1)
    return apart


PHASE = Phase(step, update)
