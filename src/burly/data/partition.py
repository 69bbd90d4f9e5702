"""What a worker holds: consecutive shards, as arrays in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from burly.data.csr import CSR

AnyRows: TypeAlias = NDArray[Any] | CSR

SHARD_ROWS = 8192
"""Rows in a shard of an array, and the most in a shard of a file that counts its rows."""


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """What is known of a dataset before any worker has read it.

    Attributes
    ----------
    n_features : int
    dtype : numpy dtype
        float32 or float64: what kernels compute with.
    n_shards : int
    n_rows : int or None
        None where only reading tells (CSV).
    max_rows : int
        No dataset of this size in bytes can have more rows; equals n_rows where that is known.
    weighted : bool
        Whether rows carry weights.
    labelled : bool
        Whether rows carry a label.
    in_memory : bool
        An array or a frame, as opposed to files.
    feature_names : tuple of str
        Empty where columns have no names.
    sparse : bool
        Whether shards hold `CSR` rows.
    numbered : bool
        False where only all rows together tell which columns there are (svmlight); then
        ``n_features`` is what the user said, or 0, and shards hold columns as they are written.
    first_column : int or None
        Which written column is the first feature; None where only all rows together tell.
    least_features : int
        How many features there are at least where they are not numbered, by the first lines.
    """

    n_features: int
    dtype: np.dtype[Any]
    n_shards: int
    n_rows: int | None
    max_rows: int
    weighted: bool = False
    labelled: bool = False
    in_memory: bool = True
    feature_names: tuple[str, ...] = ()
    sparse: bool = False
    numbered: bool = True
    first_column: int | None = 0
    least_features: int = 0


@dataclass(frozen=True, slots=True)
class ShardRows:
    """The rows of one shard.

    Attributes
    ----------
    ordinal : int
        The shard's place in the dataset: all that draws and ties know of it.
    X : ndarray or CSR of shape (n_rows, n_features)
        float32 or float64; an array is C-contiguous.
    y : ndarray of shape (n_rows,) or None
    weights : ndarray of shape (n_rows,) or None
        float64.
    """

    ordinal: int
    X: AnyRows
    y: NDArray[Any] | None = None
    weights: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Partition:
    """A contiguous run of shards, which may be empty."""

    info: DatasetInfo
    shards: Sequence[ShardRows]
    n_rows: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_rows", sum(len(shard.X) for shard in self.shards))

    @property
    def n_bytes(self) -> int:
        """Bytes of the arrays, in the final dtype."""
        return sum(
            sum(a.nbytes for a in (shard.X, shard.y, shard.weights) if a is not None)
            for shard in self.shards
        )
