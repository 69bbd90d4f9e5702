"""Lines of CSV text: whether quotes span them, and what is wrong with one."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyarrow.csv import ConvertOptions

from burly.data.columns import Columns
from burly.data.lines import Text
from burly.exceptions import ParseError

_NUMBER = re.compile(
    r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*|\s*[+-]?inf(inity)?\s*", re.IGNORECASE
)
_INTEGER = re.compile(r"\s*[+-]?\d+\s*")
_BOOLS = frozenset({"true", "false", "True", "False", "TRUE", "FALSE", "0", "1"})
_LINE_END = re.compile(r"\r\n|\n|\r")
NULLS = frozenset(ConvertOptions().null_values)


@dataclass(frozen=True, slots=True)
class Fields:
    """What the fields of a line have to be.

    Attributes
    ----------
    columns : Columns
    dtype : numpy dtype
        float32 or float64.
    delimiter : str
    label_type : str
        Arrow's name for the type of the label: int64, double, bool or string.
    """

    columns: Columns
    dtype: np.dtype[Any]
    delimiter: str
    label_type: str = "string"


def quotes_span_lines(text: Text, delimiter: str) -> int | None:
    """Return the number (from 0) of the first line that ends inside quotes; None for good text."""
    characters = np.frombuffer(text, np.uint8)
    quotes: NDArray[Any] = np.flatnonzero(characters == ord('"'))
    if not len(quotes):
        return None
    ends = np.flatnonzero(characters == ord("\n"))
    if not len(ends) or ends[-1] != len(characters) - 1:
        ends = np.append(ends, len(characters))
    for line in _doubtful_lines(characters, quotes, ends, delimiter).tolist():
        begin = ends[line - 1] + 1 if line else 0
        if _ends_inside(bytes(text[begin : ends[line]]), delimiter.encode()):
            return int(line)
    return None


def _doubtful_lines(
    characters: NDArray[Any], quotes: NDArray[Any], ends: NDArray[Any], delimiter: str
) -> NDArray[Any]:
    """Return the lines, in order, in which fields are in quotes and which have to be read to tell more.

    Other lines have quotes in pairs: an even number, and each that opens a pair stands where a field
    begins, or behind another quote, as a quote inside quotes is written.
    """
    before = characters[quotes - 1]
    if quotes[0] == 0:
        before[0] = ord("\n")
    begins = (before == ord(delimiter)) | (before == ord("\n")) | (before == ord("\r"))
    fits = begins | (before == ord('"'))
    counts = np.diff(np.searchsorted(quotes, ends), prepend=0)
    is_odd = counts & 1 == 1
    if not is_odd.any() and fits[::2].all():
        return np.empty(0, np.int64)  # as most text is
    lines = np.repeat(np.arange(len(ends)), counts)
    opens = np.arange(len(quotes)) - np.repeat(np.cumsum(counts) - counts, counts) & 1 == 0
    doubtful, has_quoted = is_odd, np.zeros(len(ends), np.bool_)
    doubtful[lines[opens & ~fits]] = True
    has_quoted[lines[begins]] = True
    return np.flatnonzero(doubtful & has_quoted)


def _ends_inside(line: bytes, delimiter: bytes) -> bool:
    """Whether a line ends inside quotes; only where a field begins a quote is more than a character."""
    line = line.replace(b"\r", delimiter)  # which ends lines on its own, too
    at = 0
    while True:
        if line[at : at + 1] == b'"':
            at = line.find(b'"', at + 1)
            while line[at : at + 2] == b'""':
                at = line.find(b'"', at + 2)
            if at < 0:
                return True
        at = line.find(delimiter, at) + 1
        if not at:
            return False


def is_number(field: str) -> bool:
    """Whether a field reads as a number, or as a missing one."""
    return field in NULLS or _NUMBER.fullmatch(field) is not None


def split_line(line: str, delimiter: str) -> list[str]:
    """Return the fields of one line.

    Raises
    ------
    burly.exceptions.ParseError
        If a field is longer than Python's own reader takes.
    """
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        raise ParseError(
            f"a field has more than {csv.field_size_limit()} characters",
            remedy="say what stands between fields with {delimiter}",
        ) from None


def explain(needed: Fields, text: Text, uri: str, first_line: int) -> ParseError | None:
    """Find what keeps text from being parsed.

    Parameters
    ----------
    needed : Fields
    text : bytes
        Whole lines.
    uri : str
    first_line : int
        The number of the first of them in the file, from 1.

    Returns
    -------
    ParseError or None
        None if every line is as it should be.
    """
    spans = quotes_span_lines(text, needed.delimiter)
    if spans is not None:
        return ParseError(
            f"{uri}, line {first_line + spans}: a quoted field goes on after the end of its line, "
            "which cannot be read in parts; write the file without line ends inside fields"
        )
    lines = _LINE_END.split(bytes(text).decode("utf-8", "replace"))
    for number, line in enumerate(lines, first_line):
        wrong = _wrong(needed, line) if line else None
        if wrong:
            return ParseError(f"{uri}, line {number}: {wrong}")
    return None


def _wrong(needed: Fields, line: str) -> str | None:
    columns = needed.columns
    try:
        fields = split_line(line, needed.delimiter)
    except ParseError:
        return None  # Arrow takes longer fields
    if len(fields) != columns.n_columns:
        return f"it has {len(fields)} fields where {columns.n_columns} are needed"
    return next(filter(None, _wrong_fields(needed, fields)), None)


def _wrong_fields(needed: Fields, fields: list[str]) -> Iterator[str | None]:
    columns = needed.columns
    for at in columns.features:
        yield _wrong_number(fields[at], columns.describe(at), needed.dtype)
    if columns.weight is not None:
        at = columns.weight
        yield _wrong_number(fields[at], columns.describe(at), np.dtype(np.float64))
    if columns.label is not None:
        yield _wrong_label(fields[columns.label], columns.describe(columns.label), needed)


def _wrong_number(field: str, column: str, dtype: np.dtype[Any]) -> str | None:
    if not is_number(field):
        return f"column {column} holds {field!r} where a number is needed"
    if field not in NULLS and "n" not in field.lower():
        with np.errstate(over="ignore"):
            if np.isinf(dtype.type(float(field))):
                wider = "; use dtype='float64'" if dtype == np.float32 else ""
                return f"column {column} holds {field}, which is too large for {dtype}{wider}"
    return None


def _wrong_label(field: str, column: str, needed: Fields) -> str | None:
    kind = needed.label_type
    if field in NULLS:
        return f"the label in column {column} is missing"
    if kind == "string":
        return None
    fits = {
        "int64": _INTEGER.fullmatch(field) is not None,
        "double": is_number(field),
        "bool": field in _BOOLS,
    }[kind]
    if fits:
        return None
    return (
        f"the label in column {column} is {field!r}, but the labels of the first lines are {kind}"
    )
