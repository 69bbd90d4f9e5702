"""Parquet: row groups are decoded as they stream in, and rows of other workers dropped.

Shards are row ranges inside row groups. A run of small row groups is fetched at once; of a large
one, a window of each column is in memory at a time. Either way Arrow hands over some thousand rows,
which are turned into the rows of a shard while they are in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet as pq

from burly.data.columns import Columns, choose_columns
from burly.data.from_arrow import labels, numbers
from burly.data.partition import SHARD_ROWS, DatasetInfo, ShardRows
from burly.data.resolved import ResolvedDataset
from burly.data.row_groups import ColumnChunks, Loaded, Range
from burly.data.shards import REQUEST_BYTES, DataObject, Shard, row_ranges, rows_per_shard
from burly.data.storage import Storage
from burly.exceptions import DataError, ParseError, SchemaError

if TYPE_CHECKING:
    from burly.data.dataset import Dataset

Array = NDArray[Any]
_FOOTER_BYTES = 64 << 10
_BUFFER_BYTES = 64 << 10
_COLUMNS_AT_ONCE = 8
"""Arrow holds a page of each column that it decodes, a MiB or so."""


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
        for i, column in enumerate(some):
            values = part.column(i)
            if column in self._places:
                self._put(self._X[rows, self._places[column]], values, column)
            elif column == self._reader.columns.weight and self._weights is not None:
                self._put(self._weights[rows], values, column)
            else:
                self._labels.append(self._label(values, column))

    def rows(self) -> ShardRows:
        """Return the arrays."""
        label = self._reader.columns.label
        y = None if label is None else np.concatenate(self._labels)
        return ShardRows(self._shard.ordinal, self._X, y, self._weights)

    def _put(self, out: Array, values: pa.Array, column: int) -> None:
        try:
            # NumPy sees an overflow in the processor's flags: the check costs no pass of its own.
            with np.errstate(over="raise"):
                np.copyto(out, numbers(values), casting="unsafe")
        except FloatingPointError:
            raise ParseError(
                f"{self._where(column)} holds a number that is too large for {out.dtype}; use "
                "dtype='float64'"
            ) from None

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


def describe(objects: Sequence[DataObject], dataset: Dataset, storage: Storage) -> ResolvedDataset:
    """Look at the footers of Parquet files.

    Raises
    ------
    burly.exceptions.SchemaError
        If columns are missing, or are no numbers.
    burly.exceptions.ParseError
        If a file is not Parquet.
    burly.exceptions.DataError
        If there are no rows.
    """
    footers = storage.map(lambda item: read_footer(item, storage), objects)
    schema = footers[0].schema.to_arrow_schema()
    columns = choose_columns(
        schema.names,
        len(schema.names),
        columns=dataset.columns,
        label=dataset.label,
        weight=dataset.weight,
        where=objects[0].uri,
    )
    for item, footer in zip(objects, footers, strict=True):
        _check(item, footer.schema.to_arrow_schema(), columns, schema)
    reader = ParquetReader(columns, dataset.final or np.dtype(np.float32))
    n_features = len(columns.features)
    per_shard = rows_per_shard(n_features * reader.dtype.itemsize)
    shards: list[Shard] = []
    for item, footer in zip(objects, footers, strict=True):
        for group in range(footer.num_row_groups):
            n_rows = footer.row_group(group).num_rows
            n_bytes = sum(end - begin for begin, end in reader.chunks(footer, group).values())
            for begin, end in row_ranges(n_rows, per_shard):
                weight = n_bytes * (end - begin) // n_rows
                shards.append(Shard(len(shards), begin, end, weight, item, group))
    n_rows = sum(footer.num_rows for footer in footers)
    if n_rows == 0:
        raise DataError(f"{objects[0].uri} is empty: it has no rows")
    info = DatasetInfo(
        n_features=n_features,
        dtype=reader.dtype,
        n_shards=len(shards),
        n_rows=n_rows,
        max_rows=n_rows,
        weighted=columns.weight is not None,
        labelled=columns.label is not None,
        in_memory=False,
        feature_names=columns.feature_names,
    )
    return ResolvedDataset(info, tuple(shards), reader)


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


def _check(item: DataObject, schema: pa.Schema, columns: Columns, first: pa.Schema) -> None:
    """Check the columns of one file."""
    for column in columns.used:
        name = columns.names[column]
        if schema.names.count(name) != 1:
            count = schema.names.count(name)
            raise SchemaError(
                f"{item.uri} has {count or 'no'} columns named {name!r}; one is needed, as in all "
                "files of the dataset"
            )
        kind = schema.field(name).type
        if column == columns.label:
            if kind != first.field(name).type or not _is_label(kind):
                raise SchemaError(
                    f"the label {name!r} of {item.uri} is {kind}; it must be numbers, truth values "
                    "or text, and the same in all files"
                )
        elif not _is_number(kind):
            raise SchemaError(
                f"column {name!r} of {item.uri} is {kind} where numbers are needed; name the "
                "columns to use with columns="
            )


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return any(
        fits(kind)
        for fits in (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
    )


def _is_label(kind: pa.DataType) -> bool:
    types = pa.types
    value = kind.value_type if types.is_dictionary(kind) else kind
    return any(
        fits(value)
        for fits in (
            types.is_integer,
            types.is_floating,
            types.is_boolean,
            types.is_string,
            types.is_large_string,
        )
    )


def _range(chunk: pq.ColumnChunkMetaData) -> Range:
    begin = chunk.data_page_offset
    if chunk.dictionary_page_offset:
        begin = min(begin, chunk.dictionary_page_offset)
    return begin, begin + chunk.total_compressed_size
