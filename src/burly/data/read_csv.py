"""CSV: lines of fields, cut as `burly.data.lines` says and parsed by Arrow."""

# A reader may not need all that `Reader` offers.
# ruff: noqa: ARG002

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow

from burly.data.csv_text import Fields, explain, quotes_span_lines
from burly.data.from_arrow import labels, numbers
from burly.data.growing_array import Growing
from burly.data.lines import (
    Text,
    count_lines,
    fetch_lines,
    is_compressed,
    lines_of,
    unpacked,
    unpacked_lines,
)
from burly.data.partition import ShardRows
from burly.data.shards import DataObject, Shard, runs_of
from burly.data.storage import Storage
from burly.exceptions import ParseError

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class CSVReader(Fields):
    """Reads shards of CSV files."""

    leaves_pieces: ClassVar[bool] = True

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
            except (ParseError, pa.ArrowException) as error:
                line = 1 + count_lines(item, begin, storage)
                raise self._explained(error, text, item.uri, line) from None
        return parsed

    def parse_first(self, shard: Shard, text: bytes, storage: Storage) -> Array:
        """Parse what `burly.data.lines.first_lines` returned; return the features."""
        try:
            X, _, _ = self.convert(text)
        except (ParseError, pa.ArrowException) as error:
            line = 1 + _header_lines(shard.object, storage)
            raise self._explained(error, text, shard.object.uri, line) from None
        return X

    def convert(self, text: Text) -> tuple[Array, Array | None, Array | None]:
        """Parse whole lines.

        Raises
        ------
        burly.exceptions.ParseError, pyarrow.ArrowException
            If something is wrong with them; `explain` finds out what.
        """
        columns = self.columns
        if not text:
            table = None
        else:
            if quotes_span_lines(text, self.delimiter) is not None:
                raise ParseError("a quoted field goes on after the end of its line")
            table = arrow.read_csv(pa.py_buffer(text), *self._options(len(text)))
        n_rows = 0 if table is None else table.num_rows
        X = np.empty((n_rows, len(columns.features)), self.dtype)
        if table is None:
            label = None if columns.label is None else np.empty(0, self._label_dtype())
            return X, label, None if columns.weight is None else np.empty(0)
        for j, at in enumerate(columns.features):
            X[:, j] = _numbers(table, at)
        # Arrow reads 1e40 as an infinite float32; infinity itself is for the algorithm to refuse.
        if np.isinf(X).any() and explain(self, text, "", 1):
            raise ParseError("a number is too large")
        y = None if columns.label is None else self._labels(table)
        weights = None if columns.weight is None else np.array(_numbers(table, columns.weight))
        return X, y, weights

    def _labels(self, table: pa.Table) -> Array:
        column = table.column(str(self.columns.label))
        if column.null_count:
            raise ParseError("a label is missing")
        return labels(column.chunk(0))

    def _label_dtype(self) -> np.dtype[Any]:
        return np.dtype({"string": "U", "double": "f8", "bool": "?"}.get(self.label_type, "i8"))

    def _options(self, n_bytes: int) -> tuple[Any, Any, Any]:
        columns = self.columns
        types = {str(at): pa.from_numpy_dtype(self.dtype) for at in columns.features}
        if columns.weight is not None:
            types[str(columns.weight)] = pa.float64()
        if columns.label is not None:
            types[str(columns.label)] = pa.type_for_alias(self.label_type)
        return (
            arrow.ReadOptions(
                use_threads=False,
                block_size=n_bytes + 1,
                column_names=[str(at) for at in range(columns.n_columns)],
            ),
            arrow.ParseOptions(delimiter=self.delimiter),
            arrow.ConvertOptions(
                column_types=types, include_columns=list(types), strings_can_be_null=True
            ),
        )

    def _parse_compressed(self, shard: Shard, storage: Storage) -> ShardRows:
        X, y, weights = Growing(), Growing(), Growing()
        line = 1
        for text in unpacked_lines(shard.object, storage):
            try:
                parts = self.convert(text)
            except (ParseError, pa.ArrowException) as error:
                line += _header_lines(shard.object, storage)
                raise self._explained(error, text, shard.object.uri, line) from None
            line += text.count(b"\n")
            for grown, part in zip((X, y, weights), parts, strict=True):
                grown.append(part)
        if X.array is None:
            return ShardRows(shard.ordinal, *self.convert(b""))
        return ShardRows(shard.ordinal, X.array, y.array, weights.array)

    def _explained(self, error: Exception, text: Text, uri: str, first_line: int) -> ParseError:
        found = explain(self, text, uri, first_line)
        reason = str(error).partition("\n")[0]
        return found or ParseError(f"{uri}, at or after line {first_line}: {reason}")


def _numbers(table: pa.Table, at: int) -> Array:
    return numbers(table.column(str(at)).chunk(0))


def _header_lines(item: DataObject, storage: Storage) -> int:
    """Return how many lines come before the rows of a file; only errors need it."""
    if not is_compressed(item):
        return count_lines(item, item.data_begin, storage)
    head = b""
    for piece in unpacked(item, storage):
        head += piece
        if len(head) >= item.data_begin:
            break
    return head[: item.data_begin].count(b"\n")
