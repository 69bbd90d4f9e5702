"""Parquet: row groups are decoded as they stream in, and rows of other workers dropped.

Shards are row ranges inside row groups. A run of small row groups is fetched at once; of a large
one, a portion of its columns is in memory at a time. Arrow decodes column by column; native code puts the
values where they will be turned into rows, without a second copy of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet as pq

from burly.data import _columns
from burly.data.aligned import aligned
from burly.data.columns import Columns
from burly.data.from_arrow import labels, numbers
from burly.data.partition import SHARD_ROWS, ShardRows
from burly.data.prefetch import fetch_and_parse
from burly.data.row_groups import ColumnChunks, Loaded, Range
from burly.data.shards import REQUEST_BYTES, DataObject, Shard
from burly.data.storage import Storage
from burly.exceptions import ParseError

Array = NDArray[Any]
_FOOTER_BYTES = 64 << 10
_PORTION_BYTES = 4 << 20
"""Column chunks up to this size are fetched whole, several at once if they are small; beside the one that is
decoded the next one is on its way, for each thread."""
_WINDOW_BYTES = 1 << 20
"""Larger ones are read front to back, through a window with the next one on its way."""
_BUFFER_BYTES = 64 << 10
_BATCH_BYTES = 512 << 10
"""About what Arrow decodes at a time: it is put where it belongs while it is in the cache."""
_NATIVE = frozenset(map(np.dtype, ("f4", "f8", "i4", "i8")))
"""What the native code turns into rows; others are rare."""


@dataclass(frozen=True, slots=True)
class ParquetReader:
    """Reads row ranges of row groups.

    Attributes
    ----------
    columns : Columns
        Found by name in each file.
    dtype : numpy dtype
        float32 or float64.
    """

    leaves_pieces: ClassVar[bool] = True

    columns: Columns
    dtype: np.dtype[Any]

    def runs(self, shards: Sequence[Shard]) -> list[tuple[Shard, ...]]:
        """Keep the shards of a row group together, and join small row groups of a file."""
        runs: list[list[Shard]] = []
        size = 0
        for _, group in groupby(shards, key=lambda shard: (shard.object, shard.row_group)):
            members = list(group)
            n_bytes = sum(shard.n_bytes for shard in members)
            fits = size + n_bytes <= REQUEST_BYTES
            if runs and fits and runs[-1][-1].object == members[0].object:
                runs[-1].extend(members)
                size += n_bytes
            else:
                runs.append(members)
                size = n_bytes
        return [tuple(run) for run in runs]

    def fetch(self, run: tuple[Shard, ...], storage: Storage) -> _Fetched:
        """Get the footer, and the column chunks if they are small."""
        item = run[0].object
        metadata = storage.once(item, lambda: read_footer(item, storage))
        chunks = {shard.row_group: self.chunks(metadata, shard.row_group) for shard in run}
        ranges = [chunk for group in chunks.values() for chunk in group.values()]
        n_bytes = sum(end - begin for begin, end in ranges)
        loaded = Loaded(storage, item, ranges) if n_bytes <= REQUEST_BYTES else None
        return _Fetched(metadata, chunks, loaded)

    def parse(
        self, run: tuple[Shard, ...], raw: _Fetched, storage: Storage, n_threads: int
    ) -> list[ShardRows]:
        """Decode row group by row group."""
        parsed: list[ShardRows] = []
        for _, group in groupby(run, key=lambda shard: shard.row_group):
            parsed += _RowGroup(self, list(group), raw, storage).read(n_threads)
        return parsed

    def chunks(self, metadata: pq.FileMetaData, group: int) -> dict[int, Range]:
        """Return where the chunk of each column of ours is, by its position in `columns`."""
        row_group = metadata.row_group(group)
        at = {row_group.column(i).path_in_schema: i for i in range(row_group.num_columns)}
        wanted = self.columns.used
        names = self.columns.names
        return {column: _range(row_group.column(at[names[column]])) for column in wanted}


@dataclass(frozen=True, slots=True)
class _Fetched:
    """The footer of a file, where chunks are, and their bytes if they were small."""

    metadata: pq.FileMetaData
    chunks: dict[int, dict[int, Range]]
    loaded: Loaded | None


class _RowGroup:
    """The rows of consecutive shards of one row group while columns arrive."""

    def __init__(
        self, reader: ParquetReader, shards: list[Shard], raw: _Fetched, storage: Storage
    ) -> None:
        self._reader, self._shards = reader, shards
        self._raw, self._storage = raw, storage
        self._item, self._group = shards[0].object, shards[0].row_group
        self._chunks = raw.chunks[self._group]
        self._begin, self._end = shards[0].begin, shards[-1].end
        n_rows = self._end - self._begin
        columns = reader.columns
        # One array: where there is much of it, the system maps it in large pages.
        self._X = aligned(n_rows, len(columns.features), reader.dtype)
        self._weights = None if columns.weight is None else np.empty(n_rows)
        self._labels: Array | None = None
        self._places = {column: j for j, column in enumerate(columns.features)}

    def read(self, n_threads: int) -> list[ShardRows]:
        """Decode some columns at a time; return the rows, cut into shards."""
        portions = self._portions(n_threads)
        n_threads = min(n_threads, len(portions))
        fetch_and_parse(portions, self._source, self._decode, n_threads=n_threads, n_ahead=1)
        turns = [partial(_columns.into_rows, self._X, i, n_threads) for i in range(n_threads)]
        fetch_and_parse(
            turns, lambda turn: turn, lambda turn: turn(), n_threads=n_threads, n_ahead=0
        )
        return [self._of(shard) for shard in self._shards]

    def _portions(self, n_threads: int) -> list[list[int]]:
        """Group columns whose chunks are small, so that every thread has some."""
        sizes = {column: end - begin for column, (begin, end) in self._chunks.items()}
        limit = min(_PORTION_BYTES, -(-sum(sizes.values()) // n_threads))
        portions: list[list[int]] = []
        room = 0
        for column in self._reader.columns.used:
            if not portions or sizes[column] > room:
                portions.append([])
                room = limit
            portions[-1].append(column)
            room -= sizes[column]
        return portions

    def _source(self, some: Sequence[int]) -> tuple[Sequence[int], ColumnChunks, bool]:
        """Fetch the chunks of some columns, or the first window of a large one."""
        item, storage = self._item, self._storage
        chunks = [self._chunks[column] for column in some]
        whole = sum(end - begin for begin, end in chunks) <= _PORTION_BYTES
        if self._raw.loaded is None and not whole:

            def ask(begin: int, end: int) -> Future[memoryview]:
                return storage.read_soon(item, begin, end)

            return some, ColumnChunks(item.size, chunks, ask, _WINDOW_BYTES), False
        loaded = self._raw.loaded or Loaded(storage, item, chunks)
        return some, ColumnChunks(item.size, chunks, loaded.ask, item.size), True

    def _decode(self, fetched: tuple[Sequence[int], ColumnChunks, bool]) -> None:
        some, source, whole = fetched
        file = pq.ParquetFile(
            pa.PythonFile(source, mode="r"),
            metadata=self._raw.metadata,
            pre_buffer=False,
            # What is in memory is handed over whole; the rest comes through small buffers.
            buffer_size=0 if whole else _BUFFER_BYTES,
        )
        names = self._reader.columns.names
        first = 0
        try:
            for batch in file.iter_batches(
                batch_size=max(SHARD_ROWS, _BATCH_BYTES // (8 * len(some))),
                row_groups=[self._group],
                columns=[names[column] for column in some],
                use_threads=False,
            ):
                self._take(batch, some, first)
                first += batch.num_rows
                if first >= self._end:
                    break
        except (pa.ArrowException, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise ParseError(f"{self._item.uri}, row group {self._group}: {reason}") from None

    def _take(self, batch: pa.RecordBatch, some: Sequence[int], first: int) -> None:
        """Take our rows from a batch that starts at row ``first`` of the group."""
        begin = max(first, self._begin)
        end = min(first + batch.num_rows, self._end)
        if begin >= end:
            return
        part = batch.slice(begin - first, end - begin)
        begin, end = begin - self._begin, end - self._begin
        for i, column in enumerate(some):
            values = part.column(i)
            if column in self._places:
                self._put_feature(numbers(values), column, begin)
            elif column == self._reader.columns.weight and self._weights is not None:
                self._convert(self._weights[begin:end], numbers(values), column)
            else:
                self._put_labels(self._label(values, column), begin)

    def _of(self, shard: Shard) -> ShardRows:
        rows = slice(shard.begin - self._begin, shard.end - self._begin)
        y, weights = self._labels, self._weights
        return ShardRows(
            shard.ordinal,
            self._X[rows],
            None if y is None else y[rows],
            None if weights is None else weights[rows],
        )

    def _put_feature(self, given: Array, column: int, first: int) -> None:
        """Put values of a column, from a row on."""
        if given.dtype not in _NATIVE:
            room = np.empty(len(given), self._X.dtype)
            self._convert(room, given, column)
            given = room
        if _columns.put(self._X, self._places[column], first, given):
            raise self._overflow(column, self._X.dtype)

    def _put_labels(self, given: Array, first: int) -> None:
        """Put labels, which come in order, from a row on."""
        if self._labels is None or given.dtype.itemsize > self._labels.dtype.itemsize:
            room = np.empty(self._end - self._begin, given.dtype)
            if self._labels is not None:  # longer text than before
                room[:first] = self._labels[:first]
            self._labels = room
        self._labels[first : first + len(given)] = given

    def _convert(self, out: Array, given: Array, column: int) -> None:
        try:
            # NumPy sees an overflow in the processor's flags: the check costs no pass of its own.
            with np.errstate(over="raise"):
                np.copyto(out, given, casting="unsafe")
        except FloatingPointError:
            raise self._overflow(column, out.dtype) from None

    def _overflow(self, column: int, dtype: np.dtype[Any]) -> ParseError:
        return ParseError(
            f"{self._where(column)} holds a number that is too large for {dtype}; use "
            "dtype='float64'"
        )

    def _label(self, values: pa.Array, column: int) -> Array:
        if values.null_count:
            raise ParseError(f"the label in {self._where(column)} is missing in some rows")
        return labels(values)

    def _where(self, column: int) -> str:
        return (
            f"column {self._reader.columns.describe(column)} of {self._item.uri}, rows "
            f"{self._begin} to {self._end} of row group {self._group},"
        )


def read_footer(item: DataObject, storage: Storage) -> pq.FileMetaData:
    """Read what a Parquet file says of itself.

    Raises
    ------
    burly.exceptions.ParseError
        If it is not Parquet.
    """
    begin = max(0, item.size - _FOOTER_BYTES)
    if item.size < 12:
        raise ParseError(f"{item.uri} is not a Parquet file: it has {item.size} bytes")
    tail = storage.read(item, begin, item.size).to_bytes()
    needed = int.from_bytes(tail[-8:-4], "little") + 8
    if len(tail) < needed <= item.size:
        tail = storage.read(item, item.size - needed, item.size).to_bytes()
    try:
        # The footer is found from the end of the file, so its end will do.
        return pq.read_metadata(pa.BufferReader(tail))
    except pa.ArrowException as error:
        reason = str(error).partition("\n")[0]
        raise ParseError(f"{item.uri} is not a Parquet file, or is damaged: {reason}") from None


def _range(chunk: pq.ColumnChunkMetaData) -> Range:
    begin = chunk.data_page_offset
    if chunk.dictionary_page_offset:
        begin = min(begin, chunk.dictionary_page_offset)
    return begin, begin + chunk.total_compressed_size
