"""Seeding for k-means over one partition: distances to seeds, and draws that no layout changes.

A draw is a pure function of the seed, what it is for, and the shard (and row) it concerns, so it can
be made wherever the shard is (counter-based generators: J. Salmon, M. Moraes, R. Dror and D. Shaw,
"Parallel random numbers: as easy as 1, 2, 3", SC 2011). A weighted draw is a race: each entry draws
``-log(u) / weight``, and the least wins (P. Efraimidis and P. Spirakis, "Weighted random sampling
with a reservoir", 2006). docs/kmeans.md shows how the phases of seeding use these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.data.partition import Partition
from burly.exact_sum import Grid
from burly.kernels import ThreadTeam
from burly.kernels.rows import Rows, row_table

Array = NDArray[Any]


class Seeder:
    """What seeding keeps between rounds of one partition: each row's nearest seed so far.

    Parameters
    ----------
    partition : Partition
    team : ThreadTeam
    """

    def __init__(self, partition: Partition, team: ThreadTeam) -> None:
        self._rows = Rows(partition, team)
        self._team = team
        self._native: Any = getattr(team.module, f"Seeder{self._rows.suffix}")(
            self._rows.native, team.n_threads
        )
        self._ordinals = np.array([shard.ordinal for shard in partition.shards], dtype=np.int64)
        self._starts = np.cumsum([0] + [len(shard.X) for shard in partition.shards])
        self._filled = np.diff(self._starts) > 0

    @property
    def n_seeds(self) -> int:
        """How many seeds have been taken in."""
        return int(self._native.n_seeds)

    @property
    def nearest(self) -> NDArray[np.floating]:
        """The square of each row's distance to its nearest seed."""
        found: NDArray[np.floating] = self._native.nearest()
        return found

    @property
    def whose(self) -> NDArray[np.integer]:
        """The number of each row's nearest seed."""
        found: NDArray[np.integer] = self._native.whose()
        return found

    def forget(self) -> None:
        """Forget all seeds."""
        self._native.forget()

    def sweep(self, fresh: Array, trials: Array) -> NDArray[np.float64]:
        """Take seeds in, and say what each trial would leave if it were one as well.

        Parameters
        ----------
        fresh : ndarray of shape (n_fresh, n_features)
        trials : ndarray of shape (n_trials, n_features)

        Returns
        -------
        ndarray of shape (n_shards, max(n_trials, 1)), float64
            The weighted sum of squared distances to the nearest seed, of each shard; without
            trials, what the seeds alone leave.
        """
        totals = np.empty((len(self._ordinals), max(len(trials), 1)))
        dtype = self._rows.partition.info.dtype
        self._native.sweep(
            self._team.native,
            np.ascontiguousarray(fresh, dtype=dtype),
            np.ascontiguousarray(trials, dtype=dtype),
            totals,
        )
        return totals

    def draw(self, totals: NDArray[np.float64], n_draws: int, *, seed: int, number: int) -> Array:
        """Draw rows with probabilities proportional to what each trial of the last sweep leaves.

        Parameters
        ----------
        totals : ndarray of shape (n_shards, n_trials)
            What the last `sweep` returned.
        n_draws : int
            Draws for each trial.
        seed, number : int
            Which draws these are.

        Returns
        -------
        ndarray of shape (n_trials * n_draws,), structured
            As `burly.kernels.rows.row_table`, with a field draw (int64) more: of the race of each
            draw, the winner among the shards of this partition; the first of all partitions' is the
            draw. Draw ``i`` is for trial ``i // n_draws``. A partition without rows has entries that lose.
        """
        n_trials = totals.shape[1]
        draws = np.arange(n_trials * n_draws)
        if not self._filled.any():
            return _with_draw(_nothing_drawn(self._rows.partition, len(draws)), draws)
        exponential = self._draw_shards(seed, number, n_trials * n_draws, exponential=True)
        with np.errstate(divide="ignore", over="ignore"):
            keys = exponential / np.repeat(totals, n_draws, axis=1)
        # Where a shard has nothing left, it cannot win over one that has; one without rows, never.
        keys[~self._filled] = np.inf
        winners = np.argmin(keys, axis=0).astype(np.int32)
        winners[~np.isfinite(keys[winners, draws])] = int(np.argmax(self._filled))
        places = self._draw_shards(seed, number, n_trials * n_draws, exponential=False)
        found = np.empty(len(draws), dtype=np.int64)
        self._native.pick(
            self._team.native,
            (draws // n_draws).astype(np.int32),
            winners,
            np.ascontiguousarray(places[winners, draws]),
            found,
        )
        table = row_table(self._rows.partition, self._starts[winners] + found, keys[winners, draws])
        return _with_draw(table, draws)

    def sample(self, factor: float, *, seed: int, number: int) -> Array:
        """Draw each row by itself, with probability ``factor * weight * distance**2``.

        Returns
        -------
        ndarray, structured
            As `burly.kernels.rows.row_table`, with the key 0: in the order of the data.
        """
        found = self._native.sample(self._team.native, seed, number, self._ordinals, factor)
        at = np.asarray(found, dtype=np.int64)
        return row_table(self._rows.partition, at, np.zeros(len(at)))

    def race(self, n: int, *, seed: int, number: int) -> Array:
        """Draw n rows without replacement, with probabilities proportional to their weights.

        Returns
        -------
        ndarray of shape (at most n,), structured
            As `burly.kernels.rows.row_table`: the n first of this partition; of all partitions'
            the n first are the draw. Rows of weight 0 do not take part.
        """
        keys = np.empty(self._rows.partition.n_rows)
        self._native.race(self._team.native, seed, number, self._ordinals, keys)
        n = min(n, len(keys))
        if n == 0:
            return row_table(self._rows.partition, np.empty(0, dtype=np.int64), np.empty(0))
        last = np.partition(keys, n - 1)[n - 1]
        at = np.flatnonzero((keys <= last) & np.isfinite(keys))
        at = at[np.argsort(keys[at], kind="stable")][:n]
        return row_table(self._rows.partition, at, keys[at])

    def weigh(self, n_seeds: int, grid: Grid) -> NDArray[np.int64]:
        """Sum the weights of the rows that are nearest to each seed.

        Parameters
        ----------
        n_seeds : int
        grid : Grid
            Of one exponent, for the sum over one shard.

        Returns
        -------
        ndarray of shape (levels, n_seeds), int64
            In quanta of the grid.
        """
        whose = self.whose
        sums = np.zeros((grid.levels, n_seeds), dtype=np.int64)
        for number, shard in enumerate(self._rows.partition.shards):
            mine = whose[self._starts[number] : self._starts[number + 1]]
            # bincount adds one row after the other: the same bits everywhere.
            of_shard = np.bincount(mine, weights=shard.weights, minlength=n_seeds)
            sums += grid.round(of_shard[:, np.newaxis].astype(np.float64))[..., 0]
        return sums

    def _draw_shards(
        self, seed: int, number: int, n: int, *, exponential: bool
    ) -> NDArray[np.float64]:
        out = np.empty((len(self._ordinals), n))
        self._team.module.draw_shards(seed, number, self._ordinals, exponential, out)
        return out


def _nothing_drawn(partition: Partition, n: int) -> Array:
    """Entries that lose against any of a partition with rows."""
    table = np.zeros(n, dtype=row_table(partition, np.empty(0, np.int64), np.empty(0)).dtype)
    table["key"], table["shard"] = np.inf, np.iinfo(np.int64).max
    return table


def _with_draw(table: Array, draws: NDArray[np.int64]) -> Array:
    """Say which draw each row has won."""
    whole = np.empty(len(table), dtype=[*table.dtype.descr, ("draw", "i8")])
    for name in table.dtype.names or ():
        whole[name] = table[name]
    whole["draw"] = draws
    return whole
