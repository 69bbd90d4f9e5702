"""The rows of a partition as the native kernels see them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.data.csr import CSR
from burly.data.partition import AnyRows, Partition
from burly.kernels import ThreadTeam


class Rows:
    """Pointers to the shards of a partition, for the kernels of one team.

    Attributes
    ----------
    partition : Partition
        Kept alive as long as its pointers are.
    native : object
        What native functions take for rows.
    suffix : str
        F32 or F64: what the names of native classes for this dtype end with.

    Raises
    ------
    ValueError
        From the kernels, if a shard is not C-contiguous, has another dtype or width than the
        dataset, or weights where others have none.
    """

    def __init__(self, partition: Partition, team: ThreadTeam) -> None:
        info = partition.info
        self.partition = partition
        self.suffix = "F32" if info.dtype == np.float32 else "F64"
        self.weighted = info.weighted
        self.native: Any = getattr(team.module, f"Rows{self.suffix}")(
            info.n_features, info.weighted
        )
        for shard in partition.shards:
            self.native.add_shard(shard.X, shard.weights if info.weighted else None)


def row_table(
    partition: Partition, at: NDArray[np.int64], keys: NDArray[np.float64]
) -> NDArray[Any]:
    """Return rows of a partition in the form that the reducer ROWS takes.

    Parameters
    ----------
    partition : Partition
    at : ndarray of shape (n,), int64
        Numbers of rows in the partition.
    keys : ndarray of shape (n,), float64

    Returns
    -------
    ndarray of shape (n,), structured
        Fields key (float64), shard and row (int64: the shard's ordinal, and the row's number in
        it), weight (float64) and values (n_features of the data's dtype).
    """
    info = partition.info
    table = np.zeros(
        len(at),
        dtype=[
            ("key", "f8"),
            ("shard", "i8"),
            ("row", "i8"),
            ("weight", "f8"),
            ("values", info.dtype, (info.n_features,)),
        ],
    )
    starts = np.cumsum([0] + [len(shard.X) for shard in partition.shards])
    numbers = np.searchsorted(starts, at, side="right") - 1
    table["key"] = keys
    for i, (number, place) in enumerate(zip(numbers.tolist(), at.tolist(), strict=True)):
        shard, row = partition.shards[number], place - int(starts[number])
        weight = 1.0 if shard.weights is None else shard.weights[row]
        table["shard"][i], table["row"][i] = shard.ordinal, row
        table["weight"][i], table["values"][i] = weight, shard.X[row]
    return table


def arrays_of(X: AnyRows) -> tuple[NDArray[Any], ...]:
    """Return rows as the arrays that kernels take."""
    return (X.data, X.indices, X.indptr) if isinstance(X, CSR) else (np.ascontiguousarray(X),)
