"""The loop without stores and launchers: any layout, and workers that forget."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.sparse import issparse

from burly.algorithms.logistic.algorithm import LogisticRegression
from burly.algorithms.logistic.settings import Settings
from burly.contributions import total
from burly.data.csr import from_scipy
from burly.data.partition import DatasetInfo, Partition, ShardRows
from burly.kernels import ThreadTeam
from burly.states import State

SHARD_ROWS = 700


@dataclass(frozen=True)
class Layout:
    """Where partitions end, in shards; threads of each worker; rounds before which scratch is lost."""

    cuts: Sequence[int] = ()
    n_threads: Sequence[int] = (1,)
    forgets: Collection[int] = ()
    states: list[State] = field(default_factory=list, compare=False)
    """What was published, in order."""

    @property
    def phases(self) -> list[str]:
        return [state.phase for state in self.states]


def shards_of(X, y, weights=None):
    """Cut rows, or a CSR matrix of scipy's, into small shards, with an empty one among them."""
    cut = from_scipy(X, X.dtype).rows if issparse(X) else lambda a, b: X[a:b]
    ends = [*range(SHARD_ROWS, X.shape[0], SHARD_ROWS), X.shape[0]]
    begins = [0, *ends[:-1]]
    spans = [*zip(begins[:2], ends[:2], strict=True), (ends[1], ends[1])]
    spans += zip(begins[2:], ends[2:], strict=True)
    return [
        ShardRows(i, cut(a, b), y[a:b], None if weights is None else weights[a:b])
        for i, (a, b) in enumerate(spans)
    ]


def fit(info: DatasetInfo, shards, settings: Settings, layout: Layout) -> State:
    """Run the loop over partitions, and return the last state."""
    algorithm = LogisticRegression(settings)
    cuts = [0, *sorted(layout.cuts), len(shards)]
    parts = [Partition(info, shards[a:b]) for a, b in pairwise(cuts)]
    with ExitStack() as stack:
        threads = [layout.n_threads[i % len(layout.n_threads)] for i in range(len(parts))]
        teams = [stack.enter_context(ThreadTeam(n)) for n in threads]
        workers = list(zip(parts, teams, strict=True))
        scratch = [algorithm.scratch(*worker) for worker in workers]
        state = algorithm.start(info)
        number = 0
        layout.states.append(state)
        while not state.done:
            if number in layout.forgets:
                scratch = [algorithm.scratch(*worker) for worker in workers]
            steps = [
                algorithm.step(state, part, team, own)
                for (part, team), own in zip(workers, scratch, strict=True)
            ]
            state = algorithm.update([state], total([step.contribution for step in steps]))
            layout.states.append(state)
            number += 1
    return state


def info_of(X, shards, *, weighted=False) -> DatasetInfo:
    n = X.shape[0]
    return DatasetInfo(
        X.shape[1],
        np.dtype(X.dtype),
        len(shards),
        n,
        n,
        weighted=weighted,
        labelled=True,
        sparse=issparse(X),
    )
