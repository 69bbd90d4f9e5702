"""Objects that hold an array on its way to workers: shard after shard, as the kernels want it.

A shard is the bytes of its rows, then of its labels, then of its weights, each padded to a whole
cache line; so one request fetches all of several shards, and they are used where they arrive.
"""

# A reader may not need all that `Reader` offers.
# ruff: noqa: ARG002

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from burly.data.partition import ShardRows
from burly.data.shards import Shard, runs_of
from burly.data.storage import Storage

_LINE_BYTES = 64


@dataclass(frozen=True, slots=True)
class PackedReader:
    """Reads what `burly.data.upload` wrote, without a copy.

    Attributes
    ----------
    n_features : int
    dtype : numpy dtype
        float32 or float64.
    label : numpy dtype or None
    weighted : bool
    shard_rows : int
        Rows of each shard of an object but its last.
    """

    leaves_pieces: ClassVar[bool] = False

    n_features: int
    dtype: np.dtype[Any]
    label: np.dtype[Any] | None
    weighted: bool
    shard_rows: int

    def runs(self, shards: Sequence[Shard]) -> list[tuple[Shard, ...]]:
        """Group shards into requests."""
        return runs_of(shards)

    def fetch(self, run: tuple[Shard, ...], storage: Storage) -> memoryview:
        """Get the bytes of a run."""
        first, last = run[0], run[-1]
        begin = self.offset(first)
        end = self.offset(last) + self.shard_bytes(last.end - last.begin)
        return memoryview(storage.read(first.object, begin, end))

    def parse(
        self, run: tuple[Shard, ...], raw: memoryview, storage: Storage, n_threads: int
    ) -> list[ShardRows]:
        """Find rows, labels and weights in the bytes."""
        first = self.offset(run[0])
        return [self._rows(shard, raw[self.offset(shard) - first :]) for shard in run]

    def offset(self, shard: Shard) -> int:
        """Return where a shard starts in its object."""
        return shard.begin // self.shard_rows * self.shard_bytes(self.shard_rows)

    def shard_bytes(self, n_rows: int) -> int:
        """Return how many bytes a shard of so many rows takes."""
        return sum(padded(n_rows * width) for width in self._widths())

    def _widths(self) -> list[int]:
        widths = [self.n_features * self.dtype.itemsize]
        if self.label is not None:
            widths.append(self.label.itemsize)
        if self.weighted:
            widths.append(np.dtype(np.float64).itemsize)
        return widths

    def _rows(self, shard: Shard, raw: memoryview) -> ShardRows:
        n_rows = shard.end - shard.begin
        at = 0

        def take(dtype: np.dtype[Any], width: int) -> NDArray[Any]:
            nonlocal at
            values = np.frombuffer(raw, dtype, n_rows * width, at)
            at += padded(values.nbytes)
            return np.require(values, requirements=["A"])

        X = take(self.dtype, self.n_features)
        y = None if self.label is None else take(self.label, 1)
        weights = take(np.dtype(np.float64), 1) if self.weighted else None
        return ShardRows(shard.ordinal, X.reshape(n_rows, self.n_features), y, weights)


def padded(n_bytes: int) -> int:
    """Return a number of bytes, filled up to whole cache lines."""
    return -(-n_bytes // _LINE_BYTES) * _LINE_BYTES
