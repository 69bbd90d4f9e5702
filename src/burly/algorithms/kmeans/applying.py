"""What is done with a fitted model: labels, distances, and the score of other data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.base import Algorithm
from burly.contributions import Part, Reducer, Step, Totals
from burly.data.partition import DatasetInfo, Partition
from burly.exact_sum import Grid, grid_for
from burly.exceptions import NonFiniteError
from burly.kernels import ThreadTeam
from burly.kernels.lloyd import assign, distances, own_distances
from burly.kernels.rows import Rows
from burly.states import State

Array = NDArray[Any]


@dataclass(frozen=True)
class _Applying(Algorithm):
    """Something that needs no round: the first state is the last."""

    centers: Array
    shift: Array

    def start(self, info: DatasetInfo) -> State:
        dtype = info.dtype
        arrays = {"centers": self.centers.astype(dtype), "shift": self.shift.astype(dtype)}
        return State("apply", arrays, done=True)

    def scratch(self, partition: Partition, team: ThreadTeam) -> Rows:
        return Rows(partition, team)

    def step(self, state: State, partition: Partition, team: ThreadTeam, scratch: Rows) -> Step:
        raise TypeError("there is no round to take a step in")

    def update(self, states: Sequence[State], totals: Totals) -> State:
        raise TypeError("there is no round to update")


class Assign(_Applying):
    """The number of the nearest centre of each row, the one a fit on these rows ends with."""

    def outputs(
        self, state: State, partition: Partition, team: ThreadTeam, scratch: Rows
    ) -> dict[str, Array]:
        refuse_non_finite(partition)
        return {"labels": assign(scratch, team, state["centers"], state["shift"])}


class Transform(_Applying):
    """The distance of each row to each centre."""

    def outputs(
        self, state: State, partition: Partition, team: ThreadTeam, scratch: Rows
    ) -> dict[str, Array]:
        refuse_non_finite(partition)
        return {"distances": distances(scratch, team, state["centers"], state["shift"])}


def refuse_non_finite(partition: Partition) -> None:
    """Raise an error if a value is NaN or infinite."""
    from burly.data.checks import explain_non_finite  # noqa: PLC0415

    raise NonFiniteError(explain_non_finite(partition))


@dataclass(frozen=True)
class Score(Algorithm):
    """The weighted sum of squared distances to the nearest centre, in one round or two."""

    centers: Array
    shift: Array

    def start(self, info: DatasetInfo) -> State:
        dtype = info.dtype
        arrays = {
            "max_rows": np.array(info.max_rows),
            "centers": self.centers.astype(dtype),
            "shift": self.shift.astype(dtype),
        }
        return State("bound", arrays)

    def scratch(self, partition: Partition, team: ThreadTeam) -> Rows:
        return Rows(partition, team)

    def step(self, state: State, partition: Partition, team: ThreadTeam, scratch: Rows) -> Step:  # noqa: ARG002
        centers = state["centers"]
        labels = assign(scratch, team, centers, state["shift"])
        total, largest = own_distances(scratch, team, centers, labels, _grid(state))
        return Step(
            {
                "total": Part(Reducer.SUM, total),
                "largest": Part(Reducer.MAX, np.array(largest)),
            }
        )

    def update(self, states: Sequence[State], totals: Totals) -> State:
        state, largest = states[-1], totals["largest"]
        if not np.isfinite(largest):
            raise NonFiniteError("X contains NaN or infinity; remove these rows, or fill the gaps")
        if state.phase == "bound":
            grid = grid_for(largest[np.newaxis], int(state["max_rows"]), 2)
            return State("sum", dict(state.arrays) | {"exponents": grid.exponents})
        total = _grid(state).decode(totals["total"][:, np.newaxis])[0]
        return State("done", {"inertia": np.array(total)}, done=True)


def _grid(state: State) -> Grid:
    max_rows = int(state["max_rows"])
    if "exponents" in state.arrays:
        return Grid(state["exponents"], max_rows, 2)
    return grid_for(np.zeros(1), max_rows, 2)
