"""What Parquet files say of themselves: columns, and the shards that their row groups make."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow.parquet import FileMetaData

from burly.data.columns import Columns, choose_columns
from burly.data.file_options import Asked
from burly.data.partition import DatasetInfo
from burly.data.precision import warn_if_coarse
from burly.data.read_parquet import ParquetReader, read_footer
from burly.data.resolved import ResolvedDataset
from burly.data.shards import DataObject, Shard, row_ranges, rows_per_shard
from burly.data.storage import Storage
from burly.exceptions import DataError, SchemaError


def describe(
    objects: Sequence[DataObject], asked: Asked, storage: Storage, learnt: Sequence[str] = ()
) -> ResolvedDataset:
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
        columns=asked.columns,
        label=asked.label,
        weight=asked.weight,
        where=objects[0].uri,
        learnt=learnt,
        index=_index(schema),
    )
    for item, footer in zip(objects, footers, strict=True):
        _check(item, footer.schema.to_arrow_schema(), columns, schema)
    reader = ParquetReader(columns, asked.final or np.dtype(np.float32))
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
    if asked.final is None:
        low, high = _range(next(f for f in footers if f.num_rows), columns)
        warn_if_coarse(low, high, columns.feature_names, where=objects[0].uri)
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


def _range(footer: FileMetaData, columns: Columns) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the least and the largest value of each feature in a row group, where its footer tells."""
    group = footer.row_group(0)
    places = {group.column(at).path_in_schema: at for at in range(group.num_columns)}
    found = np.full((2, len(columns.features)), np.nan)
    for number, name in enumerate(columns.feature_names):
        statistics = group.column(places[name]).statistics if name in places else None
        if statistics is not None and isinstance(statistics.min, int | float):
            found[:, number] = statistics.min, statistics.max
    return found[0], found[1]


def _index(schema: pa.Schema) -> list[str]:
    """Return the columns in which pandas keeps the index of its frame: they name rows."""
    written = json.loads((schema.metadata or {}).get(b"pandas", "{}"))
    # What is counted is no column, but a dict that says from where to where.
    return [name for name in written.get("index_columns", ()) if isinstance(name, str)]


def _check(item: DataObject, schema: pa.Schema, columns: Columns, first: pa.Schema) -> None:
    """Check the columns of one file."""
    counts = Counter(schema.names)
    for column in columns.used:
        name = columns.names[column]
        if counts[name] != 1:
            raise SchemaError(
                f"{item.uri} has {counts[name] or 'no'} columns named {name!r}; one is needed, as in all "
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
                f"column {name!r} of {item.uri} is {kind} where numbers are needed",
                remedy="name the columns to use with {columns}, or the labels with {label}",
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
