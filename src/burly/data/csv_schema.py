"""What the client learns from the first lines of CSV files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow

from burly.data.columns import choose_columns
from burly.data.csv_text import is_number, quotes_span_lines, split_line
from burly.data.file_options import Asked
from burly.data.lines import MOST_PACKED, cut_files, first_bytes, first_lines, is_compressed
from burly.data.partition import DatasetInfo
from burly.data.precision import warn_if_coarse
from burly.data.read_csv import CSVReader
from burly.data.resolved import ResolvedDataset
from burly.data.shards import DataObject, Shard
from burly.data.storage import Storage
from burly.exceptions import DataError, ParseError, SchemaError

_HEAD_BYTES = 64 << 10
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class _Head:
    """The first line of a file that is not blank, and the bytes around it."""

    item: DataObject
    fields: list[str]
    begin: int
    end: int


def describe(
    objects: Sequence[DataObject], asked: Asked, storage: Storage, learnt: Sequence[str] = ()
) -> ResolvedDataset:
    """Look at the first lines of CSV files.

    Raises
    ------
    burly.exceptions.SchemaError
        If headers are mixed, or do not fit together.
    burly.exceptions.ParseError
        If the first lines do not hold what they should.
    burly.exceptions.DataError
        If there are no rows.
    """
    heads = storage.map(lambda item: _read_head(item, asked.delimiter, storage), objects)
    found = [head for head in heads if head is not None]
    if not found:
        raise DataError(f"{objects[0].uri} is empty")
    has_header = asked.header if asked.header is not None else _detect_header(found[0])
    names = _names(found[0]) if has_header else []
    n_columns = len(found[0].fields)
    items = [
        _with_data_begin(head, found[0], asked=asked.header, has_header=has_header)
        for head in found
    ]
    columns = choose_columns(
        names,
        n_columns,
        columns=asked.columns,
        label=asked.label,
        weight=asked.weight,
        where=objects[0].uri,
        learnt=learnt,
    )
    if "" in columns.feature_names and not (asked.columns or learnt):
        raise SchemaError(
            f"column {columns.names.index('')} of {objects[0].uri} has no name, as the index has that "
            "pandas writes",
            remedy="name the features with {columns}, or write the file without it (index=False)",
        )
    reader = CSVReader(columns, asked.final or np.dtype(np.float32), asked.delimiter)
    shards = cut_files(items)
    if not shards:
        raise DataError(f"{objects[0].uri} is empty: it has a header and no rows")
    reader, first, n_bytes = _try(reader, shards[0], storage)
    n_rows = len(first)
    if asked.final is None and n_rows:
        low, high = first.min(axis=0), first.max(axis=0)
        warn_if_coarse(low, high, columns.feature_names, where=objects[0].uri)
    if len(shards) == 1 and n_rows == 0:
        raise DataError(f"{objects[0].uri} is empty: it has no rows")
    info = DatasetInfo(
        n_features=len(columns.features),
        dtype=reader.dtype,
        n_shards=len(shards),
        n_rows=n_rows if len(shards) == 1 and n_bytes == _text_bytes(items[0]) else None,
        max_rows=sum(_most_rows(item, n_columns) for item in items),
        weighted=columns.weight is not None,
        labelled=columns.label is not None,
        in_memory=False,
        feature_names=columns.feature_names,
    )
    return ResolvedDataset(info, shards, reader, n_bytes / max(n_rows, 1))


def _read_head(item: DataObject, delimiter: str, storage: Storage) -> _Head | None:
    """Find the first line that is not blank; None where there is none."""
    size = _HEAD_BYTES
    while True:
        text, whole = first_bytes(item, size, storage)
        begin = 3 if text.startswith(b"\xef\xbb\xbf") else 0
        while text[begin : begin + 1] in (b"\n", b"\r"):
            begin += 1
        ends = [at for at in (text.find(b"\n", begin), text.find(b"\r", begin)) if at >= 0]
        if ends or whole:
            break
        size *= 4
    end = min(ends, default=len(text))
    if begin == end:
        return None
    line = text[begin:end]
    if b"\0" in line:
        raise ParseError(
            f"{item.uri} is not CSV as text in UTF-8: its first line has bytes that are 0, as UTF-16 and "
            "other formats do; write it anew in UTF-8"
        )
    if quotes_span_lines(line, delimiter) is not None:
        raise ParseError(
            f"{item.uri}, line 1: a quoted field goes on after the end of its line, which cannot "
            "be read in parts; write the file without line ends inside fields"
        )
    after = end + (2 if text[end : end + 2] == b"\r\n" else 1)
    try:
        fields = split_line(line.decode("utf-8", "replace"), delimiter)
    except ParseError as error:
        message = f"{item.uri}, line 1: {error.message}, so it hardly holds several"
        raise ParseError(message, remedy=error.remedy) from None
    return _Head(item, fields, begin, min(after, len(text)))


def _detect_header(head: _Head) -> bool:
    """Whether the first line names columns: no field is a number."""
    _refuse_one_column(head)
    filled = [is_number(field) for field in head.fields if field.strip()]
    if any(filled) and not all(filled):
        raise SchemaError(
            f"{head.item.uri}: some fields of the first line are numbers and some are not "
            f"({_shown(head.fields)}), so it could be a header or a row",
            remedy="say which with {header:True} or {header:False}",
        )
    return not any(filled)


def _refuse_one_column(head: _Head) -> None:
    """Refuse a line that another delimiter cuts; with ``header`` given, it is taken as it is."""
    other = next((mark for mark in _DELIMITERS if mark in head.fields[0]), None)
    if len(head.fields) == 1 and other is not None:
        written = "\\t" if other == "\t" else other
        raise SchemaError(
            f"{head.item.uri} has one column, named or starting with {head.fields[0]!r}, which looks "
            "like several",
            remedy=f"say what stands between fields with {{delimiter:{written}}}",
        )


def _names(head: _Head) -> list[str]:
    names = [field.strip() for field in head.fields]
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise SchemaError(f"{head.item.uri} has more than one column named {name!r}")
    return names


def _with_data_begin(
    head: _Head,
    first: _Head,
    *,
    asked: bool | None,
    has_header: bool,
) -> DataObject:
    """Return an object that knows where its rows begin; all files have the same header."""
    if len(head.fields) != len(first.fields):
        raise SchemaError(
            f"{head.item.uri} has {len(head.fields)} columns, but {first.item.uri} has "
            f"{len(first.fields)}; one dataset has one schema"
        )
    same = _detect_header(head) == has_header if asked is None else True
    if has_header:
        same = same and _names(head) == _names(first)
    if not same:
        raise SchemaError(
            f"{head.item.uri} starts with {_shown(head.fields)}, but {first.item.uri} with "
            f"{_shown(first.fields)}; all files need the same header, or none"
        )
    return replace(head.item, data_begin=head.end if has_header else head.begin)


def _shown(fields: list[str], at_most: int = 6) -> str:
    return ",".join(fields[:at_most]) + (",..." if len(fields) > at_most else "")


def _try(reader: CSVReader, shard: Shard, storage: Storage) -> tuple[CSVReader, NDArray[Any], int]:
    """Parse the first lines, so that what is wrong with all lines is found here.

    Returns the reader with the type of the label, the features, and the bytes of these lines.
    """
    text = first_lines(shard, storage)
    if reader.columns.label is not None:
        reader = replace(reader, label_type=_label_type(reader, text))
    X = reader.parse_first(shard, text, storage)
    return reader, X, len(text)


def _label_type(reader: CSVReader, text: bytes) -> str:
    """Return what Arrow takes the label for, if numbers, truth values or text."""
    name = str(reader.columns.label)
    names = [str(at) for at in range(reader.columns.n_columns)]
    try:
        table = arrow.read_csv(
            pa.py_buffer(text),
            arrow.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=names),
            arrow.ParseOptions(delimiter=reader.delimiter),
            arrow.ConvertOptions(include_columns=[name]),
        )
    except pa.ArrowException:
        # `_try` parses the same lines again, and says what is wrong with them.
        return "string"
    found = str(table.column(name).type)
    return found if found in ("int64", "double", "bool") else "string"


def _text_bytes(item: DataObject) -> int | None:
    """Return the bytes of all rows; None where only unpacking tells."""
    return None if is_compressed(item) else item.size - item.data_begin


def _most_rows(item: DataObject, n_columns: int) -> int:
    """Bound the rows of a file: each takes a delimiter or line end a column, and two bytes."""
    n_bytes = item.size * (MOST_PACKED if is_compressed(item) else 1)
    return n_bytes // max(n_columns, 2) + 1
