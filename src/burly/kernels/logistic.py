"""Kernels of logistic regression: sums over the rows of a partition for given coefficients.

With margins z_k = x . w_k + b_k, labels y and weights s (sample weight times class weight), the loss
of a row is s (log sum_k exp z_k - z_y); binary problems have one margin, whose loss is
s (log(1 + exp z) - [y = 1] z). `LogisticRows.evaluate` sums losses, gradients and, where asked,
Hessians over the rows in one reading of X; penalties are the caller's.

Every sum is exact: what a block of rows (dense) or a non-zero (sparse) adds is rounded to a multiple
of a unit and added as int64, so sums of several ranks may be added in any order (`Reducer.SUM`). The
units follow from `Bounds`, which belong into the state; `Units.values` turns totals into float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.data.partition import DatasetInfo, Partition
from burly.kernels import ThreadTeam

Float = NDArray[np.float64]
Int = NDArray[np.int64]

BLOCK_ROWS = 256
"""Rows of a block: consecutive, of one shard; the last block of a shard may be shorter."""

ALL_BLOCKS = 1 << 32
"""The threshold that every block is below."""


def block_limit(info: DatasetInfo) -> int:
    """Return the largest number of blocks a dataset can have."""
    return info.n_shards + info.max_rows // BLOCK_ROWS


@dataclass(frozen=True, slots=True)
class Bounds:
    """What no term of a sum should exceed; a kernel that meets one above it counts it.

    Attributes
    ----------
    columns : ndarray of shape (n_features,)
        |x_j|. Zero is allowed (a column without a non-zero value in the sample): it counts as 1.
    weight : float
        Sample weight times class weight.
    margin : float
        |z|.
    n_rows : int
        `DatasetInfo.max_rows`.
    n_blocks : int
        `block_limit`.
    """

    columns: Float
    weight: float
    margin: float
    n_rows: int
    n_blocks: int


@dataclass(frozen=True, slots=True)
class Scaling:
    """Columns as the Hessian sees them: (x_j - shift_j) * scale_j, and a last one of ones.

    Attributes
    ----------
    shift, scale : ndarray of shape (n_features,)
        float64. Sparse rows ignore ``shift``.
    """

    shift: Float
    scale: Float


@dataclass(frozen=True, slots=True)
class Units:
    """What 1 means in each integer sum: powers of two."""

    loss: float
    columns: Float
    squares: Float
    factors: Float
    weights: float
    limit: float

    @classmethod
    def of(cls, bounds: Bounds, scaling: Scaling | None = None, *, sparse: bool = False) -> Units:
        """Return the units for some bounds; a pure function, for step and update alike."""
        raise NotImplementedError

    def values(self, sums: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the sums of `LogisticRows` as float64, by the same names; counts stay integers."""
        raise NotImplementedError


class LogisticRows:
    """The rows of a partition, ready to be summed over by a thread team.

    Kept between rounds as scratch: a table of blocks, the labels' codes, and two slots of margins
    for trial steps. The arrays of the partition are borrowed and must stay alive and unchanged.

    Parameters
    ----------
    partition : Partition
        float32 or float64 rows; ``shard.X`` is an array or a scipy CSR matrix or array.
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
        raise NotImplementedError

    def label(
        self, codes: list[NDArray[np.int32]], n_classes: int, class_weight: Float | None = None
    ) -> None:
        """Set the labels: for each shard, codes from 0 to n_classes - 1, one a row.

        ``class_weight`` has the factor of each class, float64 of shape (n_classes,).
        """
        raise NotImplementedError

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
        raise NotImplementedError

    def column_bounds(self, *, threshold: int = ALL_BLOCKS) -> Float:
        """Return the largest |x_j| of each column, shape (n_features,); reduced with MAX.

        Values that are not finite are left out.
        """
        raise NotImplementedError

    def weight_bound(self) -> float:
        """Return the largest sample weight times class weight; 0 without rows."""
        raise NotImplementedError

    def count_nonfinite(self) -> Int:
        """Return how many values of each column are NaN or infinite, shape (n_features,)."""
        raise NotImplementedError

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
        """
        raise NotImplementedError

    def ensure(self, slot: int, coef: Float, *, threshold: int = ALL_BLOCKS) -> None:
        """See to it that a slot keeps the margins at ``coef`` for the blocks of a sample.

        Reads X only if it does not yet: after a restart, say.
        """
        raise NotImplementedError

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
        raise NotImplementedError


def decision_function(X: Any, coef: Float, team: ThreadTeam) -> Float:
    """Return the margins of rows, shape (n_rows, n_outputs).

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features) or scipy CSR matrix
        float32 or float64.
    coef : ndarray of shape (n_outputs, n_features + 1)
    """
    raise NotImplementedError


def probabilities(margins: Float) -> Float:
    """Return the probabilities of the classes, shape (n_rows, n_classes), for margins.

    One column of margins stands for two classes. Large margins do not overflow.
    """
    raise NotImplementedError


def log_probabilities(margins: Float) -> Float:
    """Return the logarithms of `probabilities`, exact where these round to zero."""
    raise NotImplementedError
