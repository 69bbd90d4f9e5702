"""What a worker keeps between the rounds of k-means; all of it can be made again at any round."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.kmeans.arithmetic import grid_of
from burly.data.partition import Partition
from burly.exact_sum import levels_for
from burly.kernels import ThreadTeam
from burly.kernels.lloyd import Lloyd, LloydTotals
from burly.kernels.rows import Rows
from burly.kernels.seeding import Seeder
from burly.states import State

Array = NDArray[Any]


class Scratch:
    """Labels, bounds and sums of Lloyd's iteration, and distances of seeding.

    Parameters
    ----------
    partition : Partition
    team : ThreadTeam
    dense : bool
        Whether Lloyd's iteration computes every row in every round.
    """

    def __init__(self, partition: Partition, team: ThreadTeam, *, dense: bool) -> None:
        self.partition = partition
        self.team = team
        self.rows = Rows(partition, team)
        self._dense = dense
        self._seeder: Seeder | None = None
        self._lloyd: Lloyd | None = None
        self._made_for: tuple[Array, ...] = ()
        self._labelled_by: Array | None = None

    def seeder(self) -> Seeder:
        """Return what seeding keeps."""
        if self._seeder is None:
            self._seeder = Seeder(self.partition, self.team)
        return self._seeder

    def measure(self, state: State) -> LloydTotals:
        """Label all rows afresh, and measure the data on the way."""
        self._seeder = None  # seeding is over: let its memory go
        squares = grid_of(state["square_exponents"], int(state["max_rows"]), 2)
        totals = self._for(state).measure(state["centers"], squares)
        self._labelled_by = state["centers"]
        return totals

    def label(self, state: State) -> LloydTotals:
        """Label all rows by the centres of a state."""
        totals = self._for(state).step(state["centers"])
        self._labelled_by = state["centers"]
        return totals

    def labels(self, state: State) -> NDArray[np.int32]:
        """Return the labels by the centres of a state, computed if they are not there."""
        return self.labelled(state).labels

    def labelled(self, state: State) -> Lloyd:
        """Return Lloyd's iteration with the rows labelled by the centres of a state."""
        lloyd = self._for(state)
        by = self._labelled_by
        if by is None or not np.array_equal(by, state["centers"]):
            self.label(state)
        return lloyd

    def _for(self, state: State) -> Lloyd:
        """Return Lloyd's iteration for the shift and the grid of a state."""
        wanted = (state["shift"], state["exponents"])
        if self._lloyd is None or not all(map(np.array_equal, wanted, self._made_for)):
            max_rows = int(state["max_rows"])
            weighted = "weight_exponents" in state.arrays
            self._lloyd = Lloyd(
                self.partition,
                len(state["centers"]),
                self.team,
                shift=state["shift"],
                grid=grid_of(
                    state["exponents"], max_rows, levels_for(self.partition.info.dtype)
                ),
                weight_grid=grid_of(state["weight_exponents"], max_rows, 2) if weighted else None,
                dense=self._dense,
            )
            self._made_for = wanted
            self._labelled_by = None
        return self._lloyd
