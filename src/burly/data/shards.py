"""The small pieces of a dataset, and how they are dealt to workers.

Shards depend on the data alone, never on how many workers there are, so that everything keyed by
(shard, row) is the same for every layout.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from burly.data.partition import SHARD_ROWS
from burly.exceptions import ConfigurationError

SHARD_BYTES = 1 << 20
"""Bytes of text in a shard of a CSV file."""

WIDE_SHARD_BYTES = 32 << 20
"""A shard of rows so wide that `SHARD_ROWS` of them exceed this has fewer rows."""

REQUEST_BYTES = 8 << 20
"""What one request to an object store asks for: large enough to be worth its round trip, small
enough that several in flight fit beside the partition."""

OBJECT_BYTES = 64 << 20
"""About what an object that burly writes holds."""


@dataclass(frozen=True, slots=True)
class DataObject:
    """A file, or an object in a store, as it was when the client saw it.

    Attributes
    ----------
    uri : str
        An absolute local path, ``scheme://bucket/key``, or empty for an array in memory.
    etag : str or None
        Names this very content; reading anything else is an error.
    size : int
        Bytes.
    data_begin : int
        Where the first row starts, in bytes.
    """

    uri: str
    etag: str | None
    size: int
    data_begin: int = 0


@dataclass(frozen=True, slots=True)
class Shard:
    """A small piece of the dataset.

    Attributes
    ----------
    ordinal : int
        Its place in the dataset.
    begin, end : int
        Rows of the array, of the object, or of the row group; bytes of the object for CSV, where
        lines belong to the shard that holds their first byte.
    n_bytes : int
        What it weighs when shards are dealt to workers.
    object : DataObject
        Where it is.
    row_group : int
        The row group of a Parquet file; -1 for other formats.
    """

    ordinal: int
    begin: int
    end: int
    n_bytes: int
    object: DataObject
    row_group: int = -1


def rows_per_shard(row_bytes: int) -> int:
    """Return how many rows of this many bytes (in the final dtype) a shard has: a power of two."""
    rows = SHARD_ROWS
    while rows > 1 and rows * row_bytes > WIDE_SHARD_BYTES:
        rows //= 2
    return rows


def row_ranges(n_rows: int, shard_rows: int) -> Iterator[tuple[int, int]]:
    """Cut rows into ranges of ``shard_rows``; the last one may be shorter."""
    for begin in range(0, n_rows, shard_rows):
        yield begin, min(begin + shard_rows, n_rows)


def split_shards(shards: Sequence[Shard], n_workers: int) -> list[tuple[Shard, ...]]:
    """Deal shards to workers: contiguous runs of about equal bytes, none of them empty.

    Parameters
    ----------
    shards : sequence of Shard
    n_workers : int
        At least 1.

    Returns
    -------
    list of tuple of Shard
        One entry a worker; fewer than ``n_workers`` where there are not as many shards.
    """
    if n_workers < 1:
        raise ConfigurationError(f"n_workers must be at least 1, got {n_workers}")
    n_parts = min(n_workers, len(shards))
    ends = np.cumsum([shard.n_bytes for shard in shards], dtype=np.float64)
    cuts = [0]
    for part in range(1, n_parts):
        cut = int(np.searchsorted(ends, ends[-1] * part / n_parts, side="right"))
        cuts.append(min(max(cut, cuts[-1] + 1), len(shards) - (n_parts - part)))
    cuts.append(len(shards))
    return [tuple(shards[a:b]) for a, b in itertools.pairwise(cuts) if a < b]


def runs_of(shards: Sequence[Shard], max_bytes: int = REQUEST_BYTES) -> list[tuple[Shard, ...]]:
    """Group neighbours in one object into runs that one request fetches."""
    runs: list[list[Shard]] = []
    size = 0
    for shard in shards:
        last = runs[-1][-1] if runs else None
        neighbours = (
            last is not None and last.object == shard.object and last.ordinal + 1 == shard.ordinal
        )
        if neighbours and size + shard.n_bytes <= max_bytes:
            runs[-1].append(shard)
            size += shard.n_bytes
        else:
            runs.append([shard])
            size = shard.n_bytes
    return [tuple(run) for run in runs]
