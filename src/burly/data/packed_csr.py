"""Objects that hold sparse rows on their way to workers: shard after shard, as kernels want them.

A shard is a line with the numbers of rows and of stored values, then row starts, columns, values,
labels and weights, each padded to a whole cache line. Shards differ in size, so theirs are counted in
bytes of the object.
"""

# A reader may not need all that `Reader` offers.
# ruff: noqa: ARG002

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from burly.data.csr import CSR
from burly.data.partition import AnyRows, ShardRows
from burly.data.read_packed import padded
from burly.data.shards import Shard, runs_of
from burly.data.storage import Storage

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class PackedCSRReader:
    """Reads what `pack` made, without a copy.

    Attributes
    ----------
    n_features : int
    dtype : numpy dtype
        float32 or float64.
    label : numpy dtype or None
    weighted : bool
    """

    leaves_pieces: ClassVar[bool] = False

    n_features: int
    dtype: np.dtype[Any]
    label: np.dtype[Any] | None
    weighted: bool

    def runs(self, shards: Sequence[Shard]) -> list[tuple[Shard, ...]]:
        """Group shards into requests."""
        return runs_of(shards)

    def fetch(self, run: tuple[Shard, ...], storage: Storage) -> memoryview:
        """Get the bytes of a run."""
        return memoryview(storage.read(run[0].object, run[0].begin, run[-1].end))

    def parse(
        self, run: tuple[Shard, ...], raw: memoryview, storage: Storage, n_threads: int
    ) -> list[ShardRows]:
        """Find rows, labels and weights in the bytes."""
        first = run[0].begin
        return [self._rows(shard, raw[shard.begin - first : shard.end - first]) for shard in run]

    def _rows(self, shard: Shard, raw: memoryview) -> ShardRows:
        at = 0

        def take(dtype: Any, n: int) -> Array:
            nonlocal at
            values = np.frombuffer(raw, dtype, n, at)
            at += padded(values.nbytes)
            return np.require(values, requirements=["A"])

        n_rows, n_stored = take(np.int64, 2).tolist()
        indptr, indices = take(np.int64, n_rows + 1), take(np.int32, n_stored)
        X = CSR(take(self.dtype, n_stored), indices, indptr, self.n_features)
        y = None if self.label is None else take(self.label, n_rows)
        weights = take(np.float64, n_rows) if self.weighted else None
        return ShardRows(shard.ordinal, X, y, weights)


def pack(X: AnyRows, y: Array | None, weights: Array | None) -> bytes:
    """Return a shard as `PackedCSRReader` finds it."""
    if not isinstance(X, CSR):
        raise TypeError("only sparse rows are packed here")
    counts = np.array([len(X), len(X.data)], np.int64)
    arrays: list[Array | None] = [counts, X.indptr, X.indices, X.data, y, weights]
    return b"".join(
        array.tobytes().ljust(padded(array.nbytes), b"\0") for array in arrays if array is not None
    )
