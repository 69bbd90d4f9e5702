"""The parameters of a k-means run, and the small pieces its phases share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from burly.contributions import Step, Totals
from burly.data.partition import Partition
from burly.exact_sum import levels_for
from burly.exceptions import DataError
from burly.kernels import ThreadTeam
from burly.kernels.lloyd import Lloyd
from burly.kernels.seeding import Seeder
from burly.states import State

Array = NDArray[Any]
Init = Literal["k-means++", "k-means||", "random", "given"]


@dataclass(frozen=True, eq=False)
class Settings:
    """What a run of k-means is asked for.

    Attributes
    ----------
    n_clusters : int
    init : {"k-means++", "k-means||", "random", "given"}
    starts : ndarray of shape (n_init, n_clusters, n_features) or None
        The first centres of each start, for ``init="given"``.
    n_init : int
        How many starts are made; the one with the least inertia is kept.
    max_iter : int
        Of one start.
    tol : float
        Times the mean variance of the features: a start has converged when the squared movements of
        all centres together are at most this.
    seed : int
        Of all draws, from 0 to 2**64 - 1.
    feature_names : tuple of str
        For messages; may be empty.
    dense : bool
        Compute every row in every round: for tests, the bits are the same.
    """

    n_clusters: int
    _: KW_ONLY
    init: Init = "k-means++"
    starts: Array | None = None
    n_init: int = 1
    max_iter: int = 300
    tol: float = 1e-4
    seed: int = 0
    feature_names: tuple[str, ...] = ()
    dense: bool = False

    @property
    def n_trials(self) -> int:
        """Candidates for each seed of greedy k-means++, as many as scikit-learn tries."""
        return 2 + int(math.log(self.n_clusters))


@dataclass
class Scratch:
    """What steps keep between rounds; all of it can be made again."""

    partition: Partition
    team: ThreadTeam
    seeder: Seeder | None = None
    seeding: int = -1
    """Which start the seeder is about."""
    lloyd: Lloyd | None = None
    bounds: Array | None = None
    labelled: Array | None = field(default=None)
    """The centres that the labels of ``lloyd`` are about."""

    @classmethod
    def of(cls, partition: Partition, team: ThreadTeam) -> Scratch:
        """Make scratch for a partition; shards without rows have no part in anything."""
        shards = [shard for shard in partition.shards if len(shard.X)]
        return cls(Partition(partition.info, shards), team)

    def seeder_for(self, start: int) -> Seeder:
        """Return the seeder of a start; that of another one is forgotten."""
        if self.seeder is None:
            self.seeder = Seeder(self.partition, self.team)
        elif self.seeding != start:
            self.seeder.forget()
        self.seeding = start
        return self.seeder


StepOf = Callable[[Settings, State, Scratch], Step]
UpdateOf = Callable[[Settings, State, Totals], State]


@dataclass(frozen=True, slots=True)
class Phase:
    """A state's name for what comes next: what each worker computes, and what becomes of it."""

    step: StepOf
    update: UpdateOf


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the sums of a run: of the data alone.

    Attributes
    ----------
    max_rows, n_shards : int
        Of text, the rows are a bound until they have been counted.
    weighted : bool
    largest_weight : float
        1 without weights, and until they have been looked at.
    """

    max_rows: int
    n_shards: int
    weighted: bool
    largest_weight: float = 1.0

    @classmethod
    def of(cls, state: State) -> Limits:
        """Read the limits from a state."""
        rows, shards, weighted = state["limits"].tolist()
        return cls(rows, shards, bool(weighted), float(state["heaviest"]))

    def arrays(self) -> dict[str, Array]:
        """Return the limits as arrays of a state."""
        return {
            "limits": np.array([self.max_rows, self.n_shards, self.weighted], dtype=np.int64),
            "heaviest": np.array(self.largest_weight),
        }


def without(state: State, *names: str) -> dict[str, Array]:
    """Return the arrays of a state but some."""
    return {name: array for name, array in state.arrays.items() if name not in names}


def levels_of(dtype: np.dtype[Any], *, weighted: bool) -> int:
    """Return the levels of sums of rows: light ones beside heavy ones take two, whatever their type."""
    return 2 if weighted else levels_for(dtype)


def ordered_sum(values: Array) -> float:
    """Add one value after the other: NumPy's own sum has an order that depends on the processor."""
    return float(np.add.accumulate(values.ravel())[-1]) if values.size else 0.0


def count_bad_weights(partition: Partition) -> int:
    """Count weights that are none: negative ones, NaN and infinity."""
    weights = [shard.weights for shard in partition.shards if shard.weights is not None]
    return sum(int(np.count_nonzero(~((w >= 0) & np.isfinite(w)))) for w in weights)


def refuse_bad_weights(n_bad: int, n_rows: int) -> None:
    """Raise if weights of the whole data are none."""
    if n_bad:
        raise DataError(
            f"{n_bad} of {n_rows} weights are negative, NaN or infinite; weights are 0 or more"
        )


def overflow_error(dtype: np.dtype[Any]) -> DataError:
    """Return the error for finite values whose squared distances are not."""
    remedy = "use dtype='float64', or " if dtype.itemsize == 4 else ""
    return DataError(
        f"squared distances overflow {dtype}: values are too large; {remedy}scale the data"
    )
