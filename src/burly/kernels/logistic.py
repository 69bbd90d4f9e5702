"""Kernels of logistic regression: sums over the rows of a partition for given coefficients.

With margins z_k = x . w_k + b_k, labels y and weights s (sample weight times class weight), the
loss of a row is s (log sum_k exp z_k - z_y); binary problems have one margin, whose loss is
s (log(1 + exp z) - [y = 1] z). `LogisticRows.evaluate` sums losses, gradients and, where asked,
Hessians over the rows in one reading of X; penalties are the caller's.

Every sum is exact, as `burly.kernels.logistic_units` explains: sums of several ranks are int64 and
may be added in any order (`Reducer.SUM`); `Units.values` turns totals into float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.data.partition import Partition
from burly.exceptions import ConfigurationError
from burly.kernels import ThreadTeam
from burly.kernels.logistic_units import BLOCK_ROWS, Bounds, Scaling, Units, block_limit
from burly.kernels.rows import arrays_of

__all__ = [
    "ALL_BLOCKS",
    "BLOCK_ROWS",
    "Bounds",
    "LogisticRows",
    "Scaling",
    "Units",
    "block_limit",
]

Float = NDArray[np.float64]
Int = NDArray[np.int64]

ALL_BLOCKS = 1 << 32
"""The threshold that every block is below."""


class LogisticRows:
    """The rows of a partition, ready to be summed over by a thread team.

    Kept between rounds as scratch: a table of blocks, the labels' codes, and two slots of margins
    for trial steps. The arrays of the partition are borrowed and must stay alive and unchanged.

    Parameters
    ----------
    partition : Partition
        float32 or float64 rows; ``shard.X`` is an array or `CSR`.
    team : ThreadTeam

    Notes
    -----
    Block samples: a block is in a sample if a 32-bit hash of its shard's ordinal and its number in
    the shard is below ``threshold``, so samples for growing thresholds nest; a threshold of
    ``fraction * 2**32`` takes about that fraction of the blocks, `ALL_BLOCKS` takes all.

    Coefficients are arrays of shape (n_outputs, n_features + 1), float64, the intercept last;
    n_outputs is 1 for two classes (or one) and n_classes otherwise. For float32 rows margins are
    computed with the coefficients rounded to float32, so hand in values that float32 holds where
    the difference matters.
    """

    def __init__(self, partition: Partition, team: ThreadTeam) -> None:
        info = partition.info
        self.n_features = info.n_features
        self.sparse = info.sparse
        self._team = team
        self._kept: list[tuple[Float, int] | None] = [None, None]
        self._alive: list[Any] = [partition]
        suffix = "F32" if info.dtype == np.float32 else "F64"
        kind = "Sparse" if self.sparse else "Dense"
        self._native = getattr(team.module, f"Logistic{kind}{suffix}")(info.n_features)
        for shard in partition.shards:
            rows = arrays_of(shard.X)
            self._alive.append(rows)
            self._native.add_shard(*rows, shard.weights if info.weighted else None, shard.ordinal)

    def label(
        self, codes: Sequence[NDArray[np.int32]], n_classes: int, class_weight: Float | None = None
    ) -> None:
        """Set the labels: for each shard, codes from 0 to n_classes - 1, one a row.

        ``class_weight`` has the factor of each class, float64 of shape (n_classes,).
        """
        self._alive.append(codes)
        for number, shard_codes in enumerate(codes):
            self._native.set_codes(number, shard_codes)
        self._native.set_classes(n_classes, class_weight)
        self._kept = [None, None]
        self.n_classes = n_classes
        self.n_outputs: int = self._native.n_outputs

    @property
    def weighted(self) -> bool:
        """Whether rows carry weights, of their own or of their class."""
        weighted: bool = self._native.weighted
        return weighted

    def moments(
        self, bounds: Bounds, shift: Float, *, threshold: int = ALL_BLOCKS
    ) -> dict[str, Int]:
        """Sum the columns and their squares, weighted by the sample weights alone.

        Returns
        -------
        dict of int64 arrays
            ``sums`` (n_features,) of x_j - shift_j; ``squares`` (n_features,) of their squares;
            ``weight`` (1,); ``count`` (1,) rows; ``nonzeros`` (n_features,) (sparse rows only);
            ``exceeded`` (1,).
        """
        d = self.n_features
        units = Units.of(bounds, sparse=self.sparse, squares=True)
        sums = {
            name: np.zeros(size, np.int64)
            for name, size in (
                ("sums", d),
                ("squares", d),
                ("nonzeros", d),
                ("weight", 1),
                ("count", 1),
                ("exceeded", 1),
            )
        }
        self._native.moments(
            self._team.native,
            threshold,
            shift,
            1.0 / units.columns[:-1],
            None if units.squares is None else 1.0 / units.squares,
            1.0 / units.weight,
            units.limit,
            **sums,
        )
        return sums

    def column_bounds(self, *, threshold: int = ALL_BLOCKS) -> Float:
        """Return the largest |x_j| of each column, shape (n_features,); reduced with MAX.

        Values that are not finite are left out.
        """
        most = np.zeros(self.n_features)
        self._native.column_bounds(
            self._team.native, threshold, most, np.zeros(self.n_features, np.int64)
        )
        return most

    def weight_bound(self) -> float:
        """Return the largest sample weight times class weight; 0 without rows."""
        bound: float = self._native.weight_bound()
        return bound

    def count_nonfinite(self) -> Int:
        """Return how many values of each column are NaN or infinite, shape (n_features,)."""
        bad = np.zeros(self.n_features, np.int64)
        self._native.column_bounds(self._team.native, ALL_BLOCKS, np.zeros(self.n_features), bad)
        return bad

    def evaluate(
        self,
        coef: Float,
        bounds: Bounds,
        *,
        threshold: int = ALL_BLOCKS,
        gradient: bool = True,
        curvature: bool = False,
        hessian: Scaling | None = None,
        coupled: bool = False,
        keep: int | None = None,
    ) -> dict[str, Int]:
        """Sum over the blocks of a sample, in one reading of X.

        Parameters
        ----------
        coef : ndarray of shape (n_outputs, n_features + 1)
        bounds : Bounds
        threshold : int
            Which blocks.
        gradient : bool
            False: the loss alone (and what else is asked).
        curvature : bool
            Also sum the Hessian times the coefficients and times the intercepts.
        hessian : Scaling or None
            Also sum the Hessian in scaled columns.
        coupled : bool
            For n_outputs > 1: all pairs of classes; False: the diagonal blocks alone.
        keep : 0, 1 or None
            Keep the margins in this slot, for `trial`.

        Returns
        -------
        dict of int64 arrays, of which those asked for
            ``loss`` (1,).
            ``gradient`` (n_outputs, n_features + 1): s (p_k - [y = k]) x, the intercept's last.
            ``curvature`` (n_outputs, n_features + 1): s p_k (1 - p_k) x.
            ``curvature_margin`` (n_outputs, n_features + 1): s p_k (z_k - sum_l p_l z_l) x, for two
            classes s p (1 - p) z x: the Hessian times the coefficients.
            ``hessian`` (n_pairs, D (D + 1) / 2) with D = n_features + 1: lower triangles, row by
            row, of the sums of h_kl xs xs^T over the scaled columns xs (ones last), with
            h_kl = s p_k ([k = l] - p_l); pairs (k, l), l <= k, row by row if coupled, else (k, k).
            ``count`` (n_classes,) rows of each class; ``weight`` (n_classes,) their weights.
            ``nonfinite`` (1,) rows whose margin is NaN or infinite.
            ``exceeded`` (1,) terms above their bounds: the other sums are then meaningless.

        Raises
        ------
        burly.exceptions.ConfigurationError
            If curvature or a Hessian of sparse rows is asked for.
        """
        if self.sparse and (curvature or hessian is not None):
            raise ConfigurationError("sparse rows give gradients, and no Hessians")
        units = Units.of(bounds, hessian, sparse=self.sparse)
        size = self.n_features + 1
        n_pairs = self.n_outputs * (self.n_outputs + 1) // 2 if coupled else self.n_outputs
        shapes: dict[str, tuple[int, ...]] = {
            "loss": (1,),
            "count": (self.n_classes,),
            "weight": (self.n_classes,),
            "nonfinite": (1,),
            "exceeded": (1,),
        }
        if gradient:
            shapes["gradient"] = (self.n_outputs, size)
        if curvature:
            shapes["curvature"] = shapes["curvature_margin"] = (self.n_outputs, size)
        if hessian is not None:
            shapes["hessian"] = (n_pairs, size * (size + 1) // 2)
        sums = {name: np.zeros(shape, np.int64) for name, shape in shapes.items()}
        flat = {name: array.reshape(-1) for name, array in sums.items()}
        self._native.evaluate(
            self._team.native,
            threshold,
            coef.reshape(-1),
            1.0 / units.columns,
            1.0 / units.loss,
            1.0 / units.weight,
            units.block_limit,
            None if hessian is None else hessian.shift,
            None if hessian is None else hessian.scale,
            None if units.factors is None else 1.0 / units.factors,
            coupled,
            -1 if keep is None else keep,
            flat["loss"],
            flat.get("gradient"),
            flat.get("curvature"),
            flat.get("curvature_margin"),
            flat.get("hessian"),
            flat["count"],
            flat["weight"],
            flat["nonfinite"],
            flat["exceeded"],
        )
        if keep is not None:
            self._kept[keep] = (coef.copy(), threshold)
        if not self.weighted:
            sums["weight"] = sums["count"] * int(1.0 / units.weight)
        return sums

    def ensure(self, slot: int, coef: Float, *, threshold: int = ALL_BLOCKS) -> None:
        """See to it that a slot keeps the margins at ``coef`` for the blocks of a sample.

        Reads X only if it does not yet: after a restart, say.
        """
        kept = self._kept[slot]
        if kept is not None and kept[1] >= threshold and np.array_equal(kept[0], coef):
            return
        bounds = Bounds(np.ones(self.n_features), 1.0, 1.0, 1, 1)  # the sums are not looked at
        self.evaluate(coef, bounds, threshold=threshold, gradient=False, keep=slot)

    def trial(
        self,
        steps: Float,
        bounds: Bounds,
        *,
        origin: int = 0,
        target: int = 1,
        threshold: int = ALL_BLOCKS,
    ) -> dict[str, Int]:
        """Sum losses along the line between two slots, without reading X.

        Parameters
        ----------
        steps : ndarray of shape (n_steps,)
            0 is at slot ``origin``, 1 at slot ``target``; any finite number may be asked for.

        Returns
        -------
        dict of int64 arrays
            ``trial_loss`` (n_steps,); ``trial_slope`` (n_steps,) its derivative by the step;
            ``exceeded`` (1,).
        """
        units = Units.of(bounds, sparse=self.sparse)
        sums = {
            "trial_loss": np.zeros(len(steps), np.int64),
            "trial_slope": np.zeros(len(steps), np.int64),
            "exceeded": np.zeros(1, np.int64),
        }
        self._native.trial(
            self._team.native,
            threshold,
            origin,
            target,
            steps,
            1.0 / units.loss,
            1.0 / units.loss,
            units.block_limit,
            *sums.values(),
        )
        return sums
