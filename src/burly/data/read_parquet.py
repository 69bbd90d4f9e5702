"""Parquet: row groups are decoded as they stream in, and rows of other workers dropped.

Shards are row ranges inside row groups. A run of small row groups is fetched at once; of a large
one, a window of each column is in memory at a time. Either way Arrow hands over some thousand rows,
which are turned into the rows of a shard while they are in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet as pq

from burly.data import _columns
from burly.data.columns import Columns
from burly.data.from_arrow import labels, numbers
from burly.data.partition import SHARD_ROWS, ShardRows
from burly.data.row_groups import ColumnChunks, Loaded, Range
from burly.data.shards import REQUEST_BYTES, DataObject, Shard
from burly.data.storage import Storage
from burly.exceptions import ParseError

Array = NDArray[Any]
_FOOTER_BYTES = 64 << 10
_BUFFER_BYTES = 64 << 10
_COLUMNS_AT_ONCE = 8
"""Arrow holds pages of each column that it decodes, 2 to 4 MiB in all; the rows are gone over once for
so many columns, which takes longer the fewer they are."""
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
            parsed += self._read_group(list(group), raw, storage, n_threads)
        return parsed

    def chunks(self, metadata: pq.FileMetaData, group: int) -> dict[int, Range]:
        """Return where the chunk of each column of ours is, by its position in `columns`."""
        row_group = metadata.row_group(group)
        at = {row_group.column(i).path_in_schema: i for i in range(row_group.num_columns)}
        wanted = self.columns.used
        return {column: _range(row_group.column(at[self._name(column)])) for column in wanted}

    def _name(self, column: int) -> str:
        return self.columns.names[column]

    def _read_group(
        self, shards: list[Shard], raw: _Fetched, storage: Storage, n_threads: int
    ) -> list[ShardRows]:
        """Decode the rows of one row group, some columns at a time."""
        columns = self.columns
        into = [_Filling(shard, self) for shard in shards]
        used = columns.used
        for first in range(0, len(used), _COLUMNS_AT_ONCE):
            some = used[first : first + _COLUMNS_AT_ONCE]
            begin = 0
            for batch in self._batches(shards[0], some, raw, storage, n_threads):
                end = begin + batch.num_rows
                for filling in into:
                    filling.take(batch, some, begin)
                if end >= shards[-1].end:
                    break
                begin = end
        return [filling.rows() for filling in into]

    def _batches(
        self, shard: Shard, some: Sequence[int], raw: _Fetched, storage: Storage, n_threads: int
    ) -> Iterator[pa.RecordBatch]:
        item = shard.object
        chunks = [raw.chunks[shard.row_group][column] for column in some]
        if raw.loaded is None:
            window = max(_BUFFER_BYTES, REQUEST_BYTES // (2 * len(some)))
            source = ColumnChunks(
                item.size, chunks, lambda begin, end: storage.read_soon(item, begin, end), window
            )
        else:
            source = ColumnChunks(item.size, chunks, raw.loaded.ask, item.size)
        file = pq.ParquetFile(
            pa.PythonFile(source, mode="r"),
            metadata=raw.metadata,
            pre_buffer=False,
            # What is in memory is handed over whole; the rest comes through small buffers.
            buffer_size=_BUFFER_BYTES if raw.loaded is None else 0,
        )
        try:
            yield from file.iter_batches(
                batch_size=SHARD_ROWS,
                row_groups=[shard.row_group],
                columns=[self._name(column) for column in some],
                use_threads=n_threads > 1,
            )
        except (pa.ArrowException, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise ParseError(f"{item.uri}, row group {shard.row_group}: {reason}") from None


@dataclass(frozen=True, slots=True)
class _Fetched:
    """The footer of a file, where chunks are, and their bytes if they were small."""

    metadata: pq.FileMetaData
    chunks: dict[int, dict[int, Range]]
    loaded: Loaded | None


class _Filling:
    """The arrays of one shard while batches arrive."""

    def __init__(self, shard: Shard, reader: ParquetReader) -> None:
        self._shard = shard
        self._reader = reader
        columns = reader.columns
        n_rows = shard.end - shard.begin
        self._X = np.empty((n_rows, len(columns.features)), reader.dtype)
        self._weights = None if columns.weight is None else np.empty(n_rows)
        self._labels: list[Array] = []
        self._places = {column: j for j, column in enumerate(columns.features)}

    def take(self, batch: pa.RecordBatch, some: Sequence[int], first: int) -> None:
        """Take the rows of this shard from a batch that starts at row ``first`` of the group."""
        begin = max(first, self._shard.begin)
        end = min(first + batch.num_rows, self._shard.end)
        if begin >= end:
            return
        part = batch.slice(begin - first, end - begin)
        rows = slice(begin - self._shard.begin, end - self._shard.begin)
        features: dict[np.dtype[Any], list[tuple[Array, int]]] = {}
        for i, column in enumerate(some):
            values = part.column(i)
            if column in self._places:
                given = numbers(values)
                features.setdefault(given.dtype, []).append((given, column))
            elif column == self._reader.columns.weight and self._weights is not None:
                self._put(self._weights[rows], numbers(values), column)
            else:
                self._labels.append(self._label(values, column))
        for dtype, columns in features.items():
            self._fill(self._X[rows], columns, native=dtype in _NATIVE)

    def rows(self) -> ShardRows:
        """Return the arrays."""
        label = self._reader.columns.label
        y = None if label is None else np.concatenate(self._labels)
        return ShardRows(self._shard.ordinal, self._X, y, self._weights)

    def _fill(self, X: Array, columns: list[tuple[Array, int]], *, native: bool) -> None:
        """Put columns of one type where they belong in some rows."""
        if not native:
            for given, column in columns:
                self._put(X[:, self._places[column]], given, column)
            return
        places = [self._places[column] for _, column in columns]
        too_large = _columns.fill(X, [given for given, _ in columns], places)
        if too_large >= 0:
            raise self._overflow(columns[too_large][1], X.dtype)

    def _put(self, out: Array, given: Array, column: int) -> None:
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
        shard = self._shard
        return (
            f"column {self._reader.columns.describe(column)} of {shard.object.uri}, rows "
            f"{shard.begin} to {shard.end} of row group {shard.row_group},"
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
