"""A first round for sparse rows whose columns only all of the data can number.

Lines of svmlight files name columns from 0 or from 1, and the largest is in one of them. So before the
algorithm's own phases there is one more, "columns", in which the smallest and the largest number of all
partitions meet. Column 0 is the first if any row has it, else column 1 is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.base import Algorithm
from burly.contributions import Part, Reducer, Step, Totals
from burly.data.csr import CSR
from burly.data.partition import DatasetInfo, Partition, ShardRows
from burly.exceptions import DataError
from burly.kernels import ThreadTeam
from burly.states import State

Array = NDArray[Any]

_COLUMNS = "numbered_columns"


@dataclass(slots=True)
class _Scratch:
    partition: Partition | None = None
    inner: Any = None


@dataclass(frozen=True, eq=False)
class Numbered(Algorithm):
    """An algorithm on columns that are yet to be numbered.

    Attributes
    ----------
    algorithm : Algorithm
    info : DatasetInfo
        With what the user said of the columns.
    """

    algorithm: Algorithm
    info: DatasetInfo

    def __post_init__(self) -> None:
        object.__setattr__(self, "memory", self.algorithm.memory)

    def start(self, info: DatasetInfo) -> State:
        self.algorithm.start(info)  # refuses here what it would refuse on a worker
        return State("columns", {})

    def scratch(self, partition: Partition, team: ThreadTeam) -> _Scratch:  # noqa: ARG002
        return _Scratch()

    def step(self, state: State, partition: Partition, team: ThreadTeam, scratch: Any) -> Step:
        if _COLUMNS not in state.arrays:
            return _extremes(partition)
        settled = self._settle(state, partition, team, scratch)
        return self.algorithm.step(state, settled, team, scratch.inner)

    def update(self, states: Sequence[State], totals: Totals) -> State:
        state = states[-1]
        if _COLUMNS not in state.arrays:
            columns = self._columns(int(totals["lowest"][0]), int(totals["highest"][0]))
            inner = self.algorithm.start(numbered(self.info, columns))
        else:
            columns = state[_COLUMNS]
            known = [earlier for earlier in states if _COLUMNS in earlier.arrays]
            inner = self.algorithm.update(known, totals)
        return replace(inner, arrays={**inner.arrays, _COLUMNS: columns})

    def outputs(
        self, state: State, partition: Partition, team: ThreadTeam, scratch: Any
    ) -> dict[str, Array]:
        settled = self._settle(state, partition, team, scratch)
        return self.algorithm.outputs(state, settled, team, scratch.inner)

    def contribution_bytes(self, info: DatasetInfo) -> int:
        return self.algorithm.contribution_bytes(_at_least(info))

    def scratch_bytes(self, info: DatasetInfo) -> int:
        return self.algorithm.scratch_bytes(_at_least(info))

    def value_bytes(self, info: DatasetInfo) -> int:
        return self.algorithm.value_bytes(_at_least(info))

    def model_bytes(self, info: DatasetInfo) -> int:
        return self.algorithm.model_bytes(_at_least(info))

    def _columns(self, lowest: int, highest: int) -> Array:
        """Return the number of the first column, and how many there are."""
        first = self.info.first_column
        if first is None:
            first = min(lowest, 1)
        if highest < lowest:
            lowest, highest = first, first - 1  # no row has a value
        n_features = self.info.n_features or max(highest - first + 1, 1)
        if lowest < first:
            raise DataError(
                f"the data has column {lowest}, but columns were said to count from 1",
                remedy="leave {zero_based:False} away",
            )
        if highest - first >= n_features:
            raise DataError(
                f"the data has column {highest}, but {n_features} features allow columns {first} to "
                f"{first + n_features - 1}",
                remedy="raise {n_features} or leave it away",
            )
        return np.array([first, n_features])

    def _settle(
        self, state: State, partition: Partition, team: ThreadTeam, scratch: _Scratch
    ) -> Partition:
        if scratch.partition is None:
            columns = state[_COLUMNS]
            info = numbered(self.info, columns)
            for shard in partition.shards:
                _shift(shard, int(columns[0]), info.n_features)
            scratch.partition = Partition(info, partition.shards)
            scratch.inner = self.algorithm.scratch(scratch.partition, team)
        return scratch.partition


def numbered(info: DatasetInfo, columns: Array) -> DatasetInfo:
    """Return what is known once the columns are numbered."""
    first, n_features = int(columns[0]), int(columns[1])
    return replace(info, n_features=n_features, first_column=first, numbered=True)


def _at_least(info: DatasetInfo) -> DatasetInfo:
    return replace(info, n_features=info.least_features)


def columns_of(state: State) -> tuple[int, int] | None:
    """Return the number of the first column and how many there are, if a run settled that."""
    if _COLUMNS not in state.arrays:
        return None
    first, n_features = state[_COLUMNS].tolist()
    return first, n_features


def _extremes(partition: Partition) -> Step:
    held = [shard.X.indices for shard in partition.shards if isinstance(shard.X, CSR)]
    held = [columns for columns in held if len(columns)]
    lowest = min((int(columns.min()) for columns in held), default=np.iinfo(np.int32).max)
    highest = max((int(columns.max()) for columns in held), default=-1)
    return Step(
        {
            "lowest": Part(Reducer.MIN, np.array([lowest])),
            "highest": Part(Reducer.MAX, np.array([highest])),
        }
    )


def _shift(shard: ShardRows, first: int, n_features: int) -> None:
    """Count a shard's columns from 0, in place and once: this worker has read it for itself."""
    X = shard.X
    if not isinstance(X, CSR):
        raise TypeError("only sparse rows have columns to be numbered")
    if X.n_columns:
        return  # by an earlier scratch
    if first:
        np.subtract(X.indices, first, out=X.indices)
    object.__setattr__(X, "n_columns", n_features)
