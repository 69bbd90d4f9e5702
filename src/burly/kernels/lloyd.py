"""Lloyd's iteration for k-means over one partition: exact, in parallel, with bounds.

The method is Lloyd's with one bound a row, the gap between the distances to the two nearest
centres, against the centres' travel since (after G. Hamerly, "Making k-means even faster", SDM
2010). A row whose gap still holds, margin for rounding included, is skipped; docs/kernels.md shows
that the dense pass would have labelled it alike. Everything that leaves a step is of the whole
partition, and its bits depend neither on the layout nor on what was skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.data.partition import Partition
from burly.exact_sum import Grid
from burly.kernels import ThreadTeam
from burly.kernels.rows import Rows, row_table

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class LloydTotals:
    """What one round says of a whole partition.

    Attributes
    ----------
    sums : ndarray of shape (levels, n_clusters, n_features), int64
        Weighted sums of the rows of each cluster, in quanta of the grid.
    counts : ndarray of shape (n_clusters,), int64
        Rows of each cluster.
    weight_sums : ndarray of shape (2, n_clusters), int64, or None
        Sums of their weights, in quanta of the weights' grid; None without weights.
    moved, evaluated : int
        Rows with another label than in the last round (all in a fresh one), and rows whose
        distances were computed: these two depend on the layout, so they are figures to watch, never
        part of a result.
    measured : Measured or None
        Only from `Lloyd.measure`.
    """

    sums: NDArray[np.int64]
    counts: NDArray[np.int64]
    weight_sums: NDArray[np.int64] | None
    moved: int
    evaluated: int
    measured: Measured | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What the first round finds out about the data on the way.

    Attributes
    ----------
    finite : bool
        False: some value is not finite, or so large that the square of a row's norm is not.
    magnitudes : ndarray of shape (2, n_features), float64
        The largest ``|weight * x|``, and the largest ``weight * (x - shift)**2`` or, without weights,
        a bound on it: above a grid's bound, all sums of that grid are void.
    squares : ndarray of shape (2, n_features), int64
        Sums of ``weight * (x - shift)**2``, in quanta of the squares' grid.
    """

    finite: bool
    magnitudes: NDArray[np.float64]
    squares: NDArray[np.int64]


class Lloyd:
    """What Lloyd's iteration keeps between rounds of one partition: labels, gaps, sums.

    It is scratch: made anew at any round, it leads to the same totals.

    Parameters
    ----------
    partition : Partition
    n_clusters : int
    team : ThreadTeam
        The team that runs every step.
    shift : ndarray of shape (n_features,), dtype of the data
        Scores are computed from rows and centres minus this: the same for a whole run, and for its
        model.
    grid : Grid
        For the sums of ``weight * x``, one exponent a feature.
    weight_grid : Grid, optional
        For the sums of weights, of one exponent and two levels; needed when rows are weighted.
    dense : bool, default False
        Compute every row in every round. For tests: the bits are the same.
    """

    def __init__(
        self,
        partition: Partition,
        n_clusters: int,
        team: ThreadTeam,
        *,
        shift: Array,
        grid: Grid,
        weight_grid: Grid | None = None,
        dense: bool = False,
    ) -> None:
        self.rows = Rows(partition, team)
        self.n_clusters = n_clusters
        self.team = team
        self._native: Any = getattr(team.module, f"Lloyd{self.rows.suffix}")(
            self.rows.native, n_clusters, team.n_threads, dense
        )
        self._dtype = partition.info.dtype
        self._n_features = partition.info.n_features
        self._shift = np.ascontiguousarray(shift, dtype=self._dtype)
        self._grid = grid
        self._weight_quanta = None if weight_grid is None else weight_grid.quanta[:, 0].copy()
        self._fresh = True

    def step(self, centers: Array) -> LloydTotals:
        """Label all rows by their nearest centres; the lowest number wins a tie.

        Parameters
        ----------
        centers : ndarray of shape (n_clusters, n_features), dtype of the data
        """
        return self._run(centers, None)

    def measure(self, centers: Array, square_grid: Grid) -> LloydTotals:
        """Do `step` afresh, and measure the data on the way.

        Parameters
        ----------
        centers : ndarray of shape (n_clusters, n_features), dtype of the data
        square_grid : Grid
            Of two levels, for the sums of ``weight * (x - shift)**2``, one exponent a feature.
        """
        return self._run(centers, square_grid)

    def _run(self, centers: Array, square_grid: Grid | None) -> LloydTotals:
        k, d = self.n_clusters, self._n_features
        sums = np.empty((self._grid.levels, k, d), dtype=np.int64)
        counts = np.empty(k, dtype=np.int64)
        weight_sums = None if self._weight_quanta is None else np.empty((2, k), dtype=np.int64)
        measuring = square_grid is not None
        magnitudes = np.empty((2, d)) if measuring else None
        squares = np.empty((2, d), dtype=np.int64) if measuring else None
        moved, evaluated, finite = self._native.step(
            self.team.native,
            np.ascontiguousarray(centers, dtype=self._dtype),
            self._shift,
            self._fresh or measuring,
            self._grid.quanta,
            self._weight_quanta,
            None if square_grid is None else square_grid.quanta,
            sums,
            counts,
            weight_sums,
            magnitudes,
            squares,
        )
        self._fresh = False
        measured = None
        if magnitudes is not None and squares is not None:
            measured = Measured(finite, magnitudes, squares)
        return LloydTotals(sums, counts, weight_sums, moved, evaluated, measured)

    @property
    def labels(self) -> NDArray[np.int32]:
        """Labels of all rows of the partition as the last step left them: a view, read only."""
        return self._native.labels()  # type: ignore[no-any-return]

    def take_labels(self) -> NDArray[np.int32]:
        """Return the labels, without a copy; no step may follow."""
        return self._native.take_labels()  # type: ignore[no-any-return]

    def farthest(self, centers: Array, n: int) -> Array:
        """Return the n rows with a weight that are farthest from their centres.

        Labels are those of the last step.

        Parameters
        ----------
        centers : ndarray of shape (n_clusters, n_features)
            The centres of the last step.
        n : int
            At least 1.

        Returns
        -------
        ndarray of shape (at most n,), structured
            Fields key (minus the squared distance, float64), shard, row, label (int64), weight
            (float64), and values (n_features of the data's dtype); ordered by key, shard and row,
            as the reducer ROWS wants.
        """
        partition, labels = self.rows.partition, self.labels
        where, squares = np.empty(n, dtype=np.int64), np.empty(n)
        n_found = self.team.module.farthest(
            self.team.native,
            self.rows.native,
            np.ascontiguousarray(centers, dtype=self._dtype),
            labels,
            where,
            squares,
        )
        chosen = where[:n_found]
        table = row_table(partition, chosen, -squares[:n_found])
        fields = table.dtype.descr
        found = np.zeros(n_found, dtype=[*fields[:3], ("label", "i8"), *fields[3:]])
        for name in table.dtype.names or ():
            found[name] = table[name]
        found["label"] = labels[chosen]
        return found
