"""Apply a fitted k-means model: the labels and distances of rows, and the inertia."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.base import Algorithm
from burly.algorithms.kmeans.settings import count_bad_weights, refuse_bad_weights
from burly.contributions import Part, Reducer, Step, Totals
from burly.data.partition import DatasetInfo, Partition
from burly.exact_sum import grid_for
from burly.kernels import ThreadTeam
from burly.kernels.assignment import assign, distances, own_distances
from burly.kernels.rows import Rows
from burly.states import Array, State

_FINE = 2.0**-20
"""Where all terms are smaller than this share of their bound, they are summed again, more finely."""


@dataclass
class _Scratch:
    rows: Rows
    labels: NDArray[np.int32] | None = None


@dataclass(frozen=True, eq=False)
class Assignment(Algorithm):
    """Label rows by the nearest of given centres, and sum their squared distances if asked.

    Attributes
    ----------
    centers : ndarray of shape (n_clusters, n_features)
    shift : ndarray of shape (n_features,)
        Of the run that made the centres.
    scoring : bool
        Leave inertia in the last state.
    """

    centers: Array
    shift: Array
    scoring: bool = False

    def start(self, info: DatasetInfo) -> State:
        arrays = {"max_rows": np.array(info.max_rows), "bound": np.ones(1)}
        return State("score", arrays, done=not self.scoring)

    def scratch(self, partition: Partition, team: ThreadTeam) -> _Scratch:
        return _Scratch(Rows(partition, team))

    def scratch_bytes(self, info: DatasetInfo) -> int:  # noqa: ARG002
        return 4  # a label

    def step(
        self,
        state: State,
        partition: Partition,
        team: ThreadTeam,
        scratch: Any,
    ) -> Step:
        labels = self.outputs(state, partition, team, scratch)["labels"]
        grid = grid_for(state["bound"], int(state["max_rows"]), 2)
        total, largest = own_distances(scratch.rows, team, self.centers, labels, grid)
        return Step(
            {
                "sum": Part(Reducer.SUM, total),
                "largest": Part(Reducer.MAX, np.array([largest])),
                "weights": Part(
                    Reducer.SUM, np.array([count_bad_weights(partition), partition.n_rows])
                ),
            }
        )

    def update(self, states: Sequence[State], totals: Totals) -> State:
        state = states[-1]
        refuse_bad_weights(*totals["weights"].tolist())
        grid = grid_for(state["bound"], int(state["max_rows"]), 2)
        largest = totals["largest"]
        if not grid.holds(largest) or 0 < largest[0] < _FINE * state["bound"][0]:
            return State("score", {**state.arrays, "bound": largest})
        inertia = grid.decode(totals["sum"][:, np.newaxis])[0]
        return State("done", {"inertia": np.array(inertia)}, done=True)

    def outputs(
        self,
        state: State,  # noqa: ARG002
        partition: Partition,  # noqa: ARG002
        team: ThreadTeam,
        scratch: Any,
    ) -> dict[str, Array]:
        if scratch.labels is None:
            scratch.labels = assign(scratch.rows, team, self.centers, self.shift)
        return {"labels": scratch.labels}


@dataclass(frozen=True, eq=False)
class Distances(Assignment):
    """The distance of each row to each of given centres."""

    def scratch_bytes(self, info: DatasetInfo) -> int:
        return len(self.centers) * info.dtype.itemsize  # the distances, until they are written

    def outputs(
        self,
        state: State,  # noqa: ARG002
        partition: Partition,  # noqa: ARG002
        team: ThreadTeam,
        scratch: Any,
    ) -> dict[str, Array]:
        return {"distances": distances(scratch.rows, team, self.centers, self.shift)}
