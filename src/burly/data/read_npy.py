"""NPY files: the rows of a C-ordered array are byte ranges."""

# A reader may not need all that `Reader` offers.
# ruff: noqa: ARG002

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, ClassVar

import numpy as np
from numpy.lib import format as npy

from burly.data.columns import Columns, choose_columns
from burly.data.dtypes import cast, final_dtype
from burly.data.file_options import Asked
from burly.data.partition import DatasetInfo, ShardRows
from burly.data.resolved import ResolvedDataset
from burly.data.shards import DataObject, Shard, row_ranges, rows_per_shard, runs_of
from burly.data.storage import Storage
from burly.exceptions import DataError, ParseError, SchemaError

HEADER_BYTES = 16 << 10


@dataclass(frozen=True, slots=True)
class NPYReader:
    """Reads rows of NPY files; without a copy where all columns stay as they are.

    Attributes
    ----------
    columns : Columns
    stored : numpy dtype
        In the files.
    dtype : numpy dtype
        float32 or float64.
    """

    leaves_pieces: ClassVar[bool] = False

    columns: Columns
    stored: np.dtype[Any]
    dtype: np.dtype[Any]

    def runs(self, shards: Sequence[Shard]) -> list[tuple[Shard, ...]]:
        """Group shards into requests."""
        return runs_of(shards)

    def fetch(self, run: tuple[Shard, ...], storage: Storage) -> memoryview:
        """Get the rows of a run."""
        item = run[0].object
        row_bytes = self.columns.n_columns * self.stored.itemsize
        begin = item.data_begin + run[0].begin * row_bytes
        end = item.data_begin + run[-1].end * row_bytes
        return memoryview(storage.read(item, begin, end))

    def parse(
        self, run: tuple[Shard, ...], raw: memoryview, storage: Storage, n_threads: int
    ) -> list[ShardRows]:
        """Take rows and columns apart."""
        table = np.frombuffer(raw, self.stored).reshape(-1, self.columns.n_columns)
        first = run[0].begin
        return [self._rows(s, table[s.begin - first : s.end - first]) for s in run]

    def _rows(self, shard: Shard, table: np.ndarray[Any, Any]) -> ShardRows:
        columns = self.columns
        where = shard.object.uri
        X = table if columns.all_features else table[:, columns.features]
        label, weight = columns.label, columns.weight
        return ShardRows(
            shard.ordinal,
            cast(X, self.dtype, where),
            None if label is None else np.ascontiguousarray(table[:, label]),
            None if weight is None else cast(table[:, weight], np.dtype(np.float64), where),
        )


def describe(objects: Sequence[DataObject], asked: Asked, storage: Storage) -> ResolvedDataset:
    """Look at the headers of NPY files.

    Raises
    ------
    burly.exceptions.SchemaError
        If the files do not hold tables of numbers that fit together.
    burly.exceptions.ParseError
        If a file is damaged.
    """
    heads = storage.map(lambda item: _read_header(item, storage), objects)
    n_columns, stored = heads[0].n_columns, heads[0].dtype
    for head in heads[1:]:
        if (head.n_columns, head.dtype) != (n_columns, stored):
            raise SchemaError(
                f"{head.item.uri} has {head.n_columns} columns of {head.dtype}, but "
                f"{objects[0].uri} has {n_columns} of {stored}; one dataset has one schema"
            )
    columns = choose_columns(
        (),
        n_columns,
        columns=asked.columns,
        label=asked.label,
        weight=asked.weight,
        where=objects[0].uri,
    )
    dtype = final_dtype(stored, asked.final, objects[0].uri)
    per_shard = rows_per_shard(dtype.itemsize * len(columns.features))
    row_bytes = n_columns * stored.itemsize
    shards: list[Shard] = []
    for head in heads:
        for begin, end in row_ranges(head.n_rows, per_shard):
            shards.append(Shard(len(shards), begin, end, (end - begin) * row_bytes, head.item))
    n_rows = sum(head.n_rows for head in heads)
    if n_rows == 0:
        raise DataError(f"{objects[0].uri} is empty: it has no rows")
    info = DatasetInfo(
        n_features=len(columns.features),
        dtype=dtype,
        n_shards=len(shards),
        n_rows=n_rows,
        max_rows=n_rows,
        weighted=columns.weight is not None,
        labelled=columns.label is not None,
        in_memory=False,
    )
    return ResolvedDataset(info, tuple(shards), NPYReader(columns, stored, dtype))


@dataclass(frozen=True, slots=True)
class _Header:
    item: DataObject
    n_rows: int
    n_columns: int
    dtype: np.dtype[Any]


def _read_header(item: DataObject, storage: Storage) -> _Header:
    if item.size == 0:
        raise ParseError(f"{item.uri} is empty: it has no NPY header")
    head = BytesIO(storage.read(item, 0, min(HEADER_BYTES, item.size)).to_bytes())
    try:
        version = npy.read_magic(head)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(head)
    except ValueError as error:
        raise ParseError(f"{item.uri} is not an NPY file: {error}") from None
    if len(shape) != 2:
        raise SchemaError(
            f"{item.uri} holds an array of shape {shape}; two dimensions, (n_rows, n_features), "
            "are needed"
        )
    if fortran:
        raise SchemaError(
            f"{item.uri} is stored column by column (Fortran order), so rows cannot be read on "
            "their own; write it with np.save(path, np.ascontiguousarray(X))"
        )
    final_dtype(dtype, None, item.uri)
    begin = head.tell()
    n_rows, n_columns = shape
    needed = begin + n_rows * n_columns * dtype.itemsize
    if item.size < needed:
        raise ParseError(
            f"{item.uri} is cut short: its header promises {needed} bytes, it has {item.size}"
        )
    return _Header(replace(item, data_begin=begin), n_rows, n_columns, dtype)
