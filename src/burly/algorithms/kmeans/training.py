"""K-means: which phase follows which.

::

    [weigh] -> seeding -> measure -> [moments] -> lloyd -> ... -> [last] -> [inertia] -> done
                                        ^          |  ^
                                        |          v  |
                                     explain     relocate

and once more from seeding for every further start; the best one wins. Seeding is the phases ``first``
and ``seed`` (k-means++), ``first``, ``spread``, ``sample`` and ``ponder`` (k-means||), ``race``
(random), or none (given centres).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.base import Algorithm
from burly.algorithms.kmeans import iterating, seeding
from burly.algorithms.kmeans.scratch import Scratch
from burly.contributions import Step, Totals
from burly.data.partition import DatasetInfo, Partition
from burly.exceptions import DataError
from burly.kernels import ThreadTeam
from burly.states import State

Array = NDArray[Any]
Init = Literal["k-means++", "k-means||", "random", "given"]


@dataclass(frozen=True)
class KMeans(Algorithm):
    """Minimise the weighted sum of squared distances of rows to the nearest of k centres.

    Parameters
    ----------
    n_clusters : int
    init : {"k-means++", "k-means||", "random", "given"}
    given : ndarray of shape (n_clusters, n_features), optional
        The first centres, where init says so.
    n_init : int
        Starts; the one with the least inertia wins.
    max_iter : int
        Iterations of each start.
    tol : float
        A start has converged once its centres' squared movement is at most this share of the mean
        variance of the features, or no centre moves at all.
    seed : int
        Of all draws, from 0 to 2**64 - 1.
    labels : bool
        Whether the label of each row is an output.
    dense : bool
        Compute all distances in every round; for tests, since no bit depends on it.
    """

    n_clusters: int
    init: Init
    given: Array | None = field(default=None, repr=False)
    n_init: int = 1
    max_iter: int = 300
    tol: float = 1e-4
    seed: int = 0
    labels: bool = True
    dense: bool = False

    def start(self, info: DatasetInfo) -> State:
        if info.n_rows is not None and info.n_rows < self.n_clusters:
            raise DataError(iterating.too_few(info.n_rows, self.n_clusters))
        arrays: dict[str, Array] = {
            "max_rows": np.array(info.max_rows),
            "number": np.array(0),
            "feature_names": np.array(info.feature_names, dtype=np.str_),
        }
        if info.weighted:
            arrays["zeros"] = np.zeros((0, info.n_features), dtype=info.dtype)
            return State("weigh", arrays)
        return self.begin(arrays, info.dtype)

    def begin(self, arrays: Mapping[str, Array], dtype: np.dtype[Any]) -> State:
        """Return the first state of a start: its seeding, or its first iteration."""
        if self.given is not None:
            return iterating.begin(arrays, np.ascontiguousarray(self.given, dtype=dtype))
        return seeding.begin(self, arrays)

    def scratch(self, partition: Partition, team: ThreadTeam) -> Scratch:
        return Scratch(partition, team, dense=self.dense)

    def step(
        self,
        state: State,
        partition: Partition,  # noqa: ARG002  the scratch holds it
        team: ThreadTeam,  # noqa: ARG002
        scratch: Scratch,
    ) -> Step:
        return _STEPS[state.phase](self, state, scratch)

    def update(self, states: Sequence[State], totals: Totals) -> State:
        state = states[-1]
        return _UPDATES[state.phase](self, state, totals)

    def outputs(
        self,
        state: State,
        partition: Partition,  # noqa: ARG002
        team: ThreadTeam,  # noqa: ARG002
        scratch: Scratch,
    ) -> dict[str, Array]:
        return {"labels": scratch.labels(state).copy()} if self.labels else {}

    def scratch_bytes(self, info: DatasetInfo) -> int:
        # Labels and gaps, or what seeding keeps: a distance, a seed's number, and keys of a race.
        return 4 + max(info.dtype.itemsize, 8) + 8


_STEPS: dict[str, Callable[[KMeans, State, Scratch], Step]] = {
    **seeding.STEPS,
    **iterating.STEPS,
}
_UPDATES: dict[str, Callable[[KMeans, State, Totals], State]] = {
    **seeding.UPDATES,
    **iterating.UPDATES,
}
