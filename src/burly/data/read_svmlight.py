"""svmlight and libsvm files: lines of a label and of column:value pairs, as sparse rows.

Whether columns count from 0 or from 1, and how many there are, only all lines together say. Shards
hold columns as they are written, so until the first round has settled it (`burly.algorithms.numbered`).
"""

# A reader may not need all that `Reader` offers.
# ruff: noqa: ARG002

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from burly.data.csr import CSR
from burly.data.file_options import Asked
from burly.data.growing_array import Growing
from burly.data.lines import (
    MOST_PACKED,
    Text,
    count_lines,
    cut_files,
    fetch_lines,
    first_lines,
    is_compressed,
    lines_of,
    unpacked_lines,
)
from burly.data.partition import DatasetInfo, ShardRows
from burly.data.resolved import ResolvedDataset
from burly.data.shards import DataObject, Shard, runs_of
from burly.data.storage import Storage
from burly.exceptions import ConfigurationError, DataError, ParseError

Array = NDArray[Any]

INT64 = np.dtype(np.int64)
FLOAT64 = np.dtype(np.float64)

_WRONG = (
    "",
    "it starts with {field!r} where its label, a number, is needed",
    "{field!r} is not column:value, with a column from 0 to 2147483646",
    "column {field!r} comes after a column that is not below it; sort each line, each column once",
    "the value of {field!r} is not a number",
    "the value of {field!r} is too large for float32; use dtype='float64'",
)


@dataclass(frozen=True, slots=True)
class SvmlightReader:
    """Reads shards of svmlight files.

    Attributes
    ----------
    dtype : numpy dtype
        float32 or float64.
    label : numpy dtype
        int64 where the first labels are whole numbers, else float64.
    """

    leaves_pieces: ClassVar[bool] = False

    dtype: np.dtype[Any]
    label: np.dtype[Any] = FLOAT64

    def runs(self, shards: Sequence[Shard]) -> list[tuple[Shard, ...]]:
        """Group shards into requests."""
        return runs_of(shards)

    def fetch(self, run: tuple[Shard, ...], storage: Storage) -> memoryview:
        """Get the bytes of a run, from one byte before it to the end of its last line."""
        return fetch_lines(run, storage)

    def parse(
        self, run: tuple[Shard, ...], raw: memoryview, storage: Storage, n_threads: int
    ) -> list[ShardRows]:
        """Cut lines and parse them, shard by shard."""
        item = run[0].object
        if is_compressed(item):
            return [self._parse_compressed(shard, storage) for shard in run]
        parsed = []
        for shard, text, begin in lines_of(run, raw):
            try:
                parsed.append(ShardRows(shard.ordinal, *self.convert(text)))
            except _WrongLineError as error:
                raise error.at(item.uri, count_lines(item, begin, storage)) from None
        return parsed

    def convert(self, text: Text) -> tuple[CSR, Array]:
        """Parse whole lines; the columns stay as they are written."""
        if not len(text):
            return _empty(self.dtype), np.empty(0, self.label)
        if text[-1] != ord("\n"):
            text = bytes(text) + b"\n"
        characters = np.frombuffer(text, np.uint8)
        native = importlib.import_module("burly.data._svmlight")
        n_lines, n_entries = native.sizes(characters)
        y, starts = np.empty(n_lines), np.empty(n_lines + 1, np.int64)
        columns, values = np.empty(n_entries, np.int32), np.empty(n_entries, self.dtype)
        parse = native.parseF32 if self.dtype == np.float32 else native.parseF64
        n_rows, n_stored, line, wrong = parse(characters, y, starts, columns, values)
        if wrong:
            raise _WrongLineError(line, _explain(wrong, text, line))
        X = CSR(values[:n_stored], columns[:n_stored], starts[: n_rows + 1], 0)
        return X, self._labels(y[:n_rows], text)

    def _labels(self, y: Array, text: Text) -> Array:
        if self.label == FLOAT64:
            return y
        others: Array = np.flatnonzero(~_are_whole(y))
        if len(others):
            row = int(others[0])
            raise _WrongLineError(
                _line_of_row(text, row),
                f"the label is {y[row]!r}, but the labels of the first lines are whole numbers",
            )
        return y.astype(np.int64)

    def _parse_compressed(self, shard: Shard, storage: Storage) -> ShardRows:
        values, columns, starts, y = Growing(), Growing(), Growing(), Growing()
        starts.append(np.zeros(1, np.int64))
        line, stored = 0, 0
        for text in unpacked_lines(shard.object, storage):
            try:
                X, labels = self.convert(text)
            except _WrongLineError as error:
                raise error.at(shard.object.uri, line) from None
            line += text.count(b"\n")
            values.append(X.data)
            columns.append(X.indices)
            starts.append(X.indptr[1:] + stored)
            y.append(labels)
            stored += len(X.data)
        if values.array is None or columns.array is None or starts.array is None:
            return ShardRows(shard.ordinal, *self.convert(b""))
        return ShardRows(shard.ordinal, CSR(values.array, columns.array, starts.array, 0), y.array)


class _WrongLineError(Exception):
    """A line of some text, counted from 0, is wrong."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line

    def at(self, uri: str, lines_before: int) -> ParseError:
        return ParseError(f"{uri}, line {lines_before + self.line + 1}: {self}")


def describe(objects: Sequence[DataObject], asked: Asked, storage: Storage) -> ResolvedDataset:
    """Look at the first lines of svmlight files.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If columns are given roles: lines say themselves what is the label.
    burly.exceptions.ParseError
        If the first lines do not hold what they should.
    burly.exceptions.DataError
        If there are no rows.
    """
    for name in ("columns", "label", "weight"):
        if getattr(asked, name) is not None:
            raise ConfigurationError(
                f"{name}= has no meaning for svmlight files: lines start with their label, all "
                "other columns are features, and rows have no weights"
            )
    shards = cut_files([item for item in objects if item.size])
    if not shards:
        raise DataError(f"{objects[0].uri} is empty")
    reader = SvmlightReader(asked.final or np.dtype(np.float32))
    text, is_all = _first_lines(shards[0], storage)
    try:
        X, y = reader.convert(text)
    except _WrongLineError as error:
        raise error.at(shards[0].object.uri, 0) from None
    whole = len(shards) == 1 and is_all
    if whole and not len(X):
        raise DataError(f"{objects[0].uri} is empty: it has no rows")
    if len(y) and bool(np.all(_are_whole(y))):
        reader = replace(reader, label=INT64)
    first = None if asked.zero_based is None else 1 - int(asked.zero_based)
    seen = int(X.indices.max(initial=0)) + 1 - (1 if first is None else first)
    info = DatasetInfo(
        n_features=asked.n_features or 0,
        dtype=reader.dtype,
        n_shards=len(shards),
        n_rows=len(X) if whole else None,
        max_rows=sum(_most_rows(item) for item in objects),
        labelled=True,
        in_memory=False,
        sparse=True,
        first_column=first,
        numbered=False,
        least_features=asked.n_features or seen,
    )
    return ResolvedDataset(info, shards, reader, len(text) / max(len(X), 1))


def _first_lines(shard: Shard, storage: Storage) -> tuple[Text, bool]:
    """Return the first lines of a dataset, and whether its first file has no more."""
    if not is_compressed(shard.object):
        return first_lines(shard, storage), shard.end == shard.object.size
    texts = unpacked_lines(shard.object, storage)
    return next(texts, b""), next(texts, None) is None


def _are_whole(labels: Array) -> NDArray[np.bool_]:
    """Tell which labels are whole numbers, of 64 bits."""
    whole: NDArray[np.bool_] = (labels == np.rint(labels)) & (np.abs(labels) < 2.0**63)
    return whole


def _most_rows(item: DataObject) -> int:
    """Bound the rows of a file: each takes a label and a line end."""
    return item.size * (MOST_PACKED if is_compressed(item) else 1) // 2 + 1


def _empty(dtype: np.dtype[Any]) -> CSR:
    return CSR(np.empty(0, dtype), np.empty(0, np.int32), np.zeros(1, np.int64), 0)


def _lines(text: Text) -> list[bytes]:
    return bytes(text).split(b"\n")


def _line_of_row(text: Text, row: int) -> int:
    """Return the line of a row, from 0; only errors need it."""
    filled = [i for i, line in enumerate(_lines(text)) if line.partition(b"#")[0].strip()]
    return filled[row]


def _explain(wrong: int, text: Text, line: int) -> str:
    """Say what is wrong with a line, and with which of its fields."""
    # Bytes are split at the parser's own blanks, text at others too.
    fields = _lines(text)[line].partition(b"#")[0].split()
    label, *pairs = (field.decode("utf-8", "replace") for field in fields)
    return _WRONG[wrong].format(field=_wrong_field(wrong, label, pairs))


def _wrong_field(wrong: int, label: str, pairs: list[str]) -> str:
    """Return the first field of which this is true, as the parser found it."""
    if wrong == 1:
        return label
    last = -1
    for pair in pairs:
        column, colon, value = pair.partition(":")
        if column == "qid" and last < 0:
            continue
        if not colon or not column.isascii() or not column.isdigit() or int(column) > 2147483646:
            return pair
        if int(column) <= last:
            return column
        last = int(column)
        if wrong >= 4 and _is_wrong(wrong, value):
            return pair
    return pairs[-1]


def _is_wrong(wrong: int, value: str) -> bool:
    try:
        number = float(value)
    except ValueError:
        return True
    with np.errstate(over="ignore"):
        return wrong == 5 and bool(np.isinf(np.float32(number)) and "n" not in value.lower())
