"""A worker's part: from its shards to rows in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from burly.data.partition import DatasetInfo, Partition, ShardRows
from burly.data.prefetch import fetch_and_parse
from burly.data.reader import Reader
from burly.data.shards import Shard
from burly.data.storage import Storage

_AHEAD = 2
"""Requests under way beside those that are being parsed; each holds its bytes beside the rows."""


def read_partition(
    info: DatasetInfo,
    reader: Reader,
    shards: Sequence[Shard],
    *,
    n_threads: int,
    credentials: Mapping[str, str] | None = None,
) -> Partition:
    """Read the shards of one worker.

    Requests wait for the network on more threads than may parse at a time, so that the cores have
    something to parse while bytes are on their way.

    Parameters
    ----------
    info : DatasetInfo
    reader : Reader
        `ResolvedDataset.reader`.
    shards : sequence of Shard
        Consecutive ones: an entry of `ResolvedDataset.split`.
    n_threads : int
        How many cores may parse.
    credentials : mapping of str to str, optional
        For the object store; see `burly.data.storage`.

    Returns
    -------
    Partition
        Arrays may be read-only views on what the store sent. A shard of a CSV file has no rows
        where no line starts in it.

    Raises
    ------
    burly.exceptions.DataChangedError
        If an object is not the one that the client saw.
    burly.exceptions.DataAccessError
        If the store refuses it.
    burly.exceptions.ParseError
        If a file does not hold what it should.
    """
    runs = reader.runs(shards)
    share = max(1, n_threads // max(1, len(runs)))
    with Storage(credentials) as storage:

        def fetch(run: tuple[Shard, ...]) -> tuple[tuple[Shard, ...], Any]:
            return run, reader.fetch(run, storage)

        def parse(fetched: tuple[tuple[Shard, ...], Any]) -> list[ShardRows]:
            return reader.parse(*fetched, storage, share)

        read = fetch_and_parse(runs, fetch, parse, n_threads=n_threads, n_ahead=_AHEAD)
    return Partition(info, [rows for some in read for rows in some])
