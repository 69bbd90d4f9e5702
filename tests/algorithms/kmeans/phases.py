"""Single phases of k-means, without a store: step on every worker, totals, update."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.base import Algorithm
from burly.algorithms.kmeans import KMeans
from burly.contributions import Totals, total
from burly.data.partition import DatasetInfo, Partition, ShardRows
from burly.kernels import ThreadTeam
from burly.states import State

Array = NDArray[Any]


def column(*values: float) -> Array:
    """Rows of one feature."""
    return np.array(values, dtype=np.float64)[:, np.newaxis]


def cut(
    X: Array, weights: Array | None = None, *, shard_rows: int = 50, borders: Sequence[int] = ()
) -> list[Partition]:
    """Return the partitions of workers: one more than there are borders, which are shard numbers."""
    shards = [
        ShardRows(
            number,
            X[at : at + shard_rows],
            None,
            None if weights is None else weights[at : at + shard_rows],
        )
        for number, at in enumerate(range(0, len(X), shard_rows))
    ]
    info = DatasetInfo(X.shape[1], X.dtype, len(shards), len(X), len(X), weights is not None)
    ends = [0, *sorted(min(border, len(shards)) for border in borders), len(shards)]
    return [Partition(info, shards[a:b]) for a, b in pairwise(ends)]


@dataclass
class Workers:
    """All workers of a run, in this thread."""

    algorithm: Algorithm
    partitions: list[Partition]
    team: ThreadTeam
    scratches: list[Any]

    def first(self) -> State:
        return self.algorithm.start(self.partitions[0].info)

    def totals(self, state: State) -> Totals:
        steps = [
            self.algorithm.step(state, partition, self.team, scratch)
            for partition, scratch in zip(self.partitions, self.scratches, strict=True)
        ]
        return total([step.contribution for step in steps])

    def round(self, state: State) -> State:
        return self.algorithm.update([state], self.totals(state))

    def rounds(self, state: State) -> Iterator[State]:
        """All states from this one to the last."""
        yield state
        while not state.done:
            state = self.round(state)
            yield state

    def until(self, phase: str, state: State | None = None) -> State:
        return next(s for s in self.rounds(state or self.first()) if s.phase == phase)


@contextmanager
def workers(
    algorithm: Algorithm,
    X: Array,
    weights: Array | None = None,
    *,
    shard_rows: int = 50,
    borders: Sequence[int] = (),
    n_threads: int = 1,
) -> Iterator[Workers]:
    partitions = cut(X, weights, shard_rows=shard_rows, borders=borders)
    with ExitStack() as stack:
        team = stack.enter_context(ThreadTeam(n_threads))
        scratches = [algorithm.scratch(partition, team) for partition in partitions]
        yield Workers(algorithm, partitions, team, scratches)


def nearest_squares(X: Array, points: Array) -> Array:
    """Squared distances to the nearest point, by NumPy."""
    off = X[:, np.newaxis].astype(np.float64) - points
    squares: Array = (off * off).sum(axis=2).min(axis=1)
    return squares


def from_starts(starts: Array, **more: Any) -> KMeans:
    """K-means from centres of shape (k, d), or (n_init, k, d)."""
    starts = np.asarray(starts)
    starts = starts if starts.ndim == 3 else starts[np.newaxis]
    return KMeans(starts.shape[1], init="given", starts=starts, n_init=len(starts), **more)


def measured(run: Workers, state: State | None = None) -> State:
    """The state after the first iteration; a missed bound repeats the round."""
    state = run.round(state or run.first())
    return state if state.done or "squares" in state.arrays else run.round(state)
