"""What a user names, and what the client finds there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Literal, cast

import numpy as np

from burly.data import read_npy, read_svmlight
from burly.data.arrays import from_table
from burly.data.columns import ColumnName
from burly.data.dtypes import FLOATS
from burly.data.lines import text_per_byte
from burly.data.locate import find_objects, format_of
from burly.data.resolved import ResolvedDataset
from burly.data.storage import Storage
from burly.exceptions import ConfigurationError

Format = Literal["csv", "parquet", "npy", "svmlight"]
FileSource = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
_FORMATS = ("csv", "parquet", "npy", "svmlight")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of numbers, wherever they are; naming them reads nothing.

    Parameters
    ----------
    source : path, glob, folder, URI, a list of these; or an array, data frame or sparse matrix
        URIs are ``s3://``, ``gs://``, ``az://`` and ``file://``. The endpoint and the credentials
        come from the usual variables (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ...). All three
        clouds are tested against servers that speak as theirs do, and not against theirs.
    format : {"csv", "parquet", "npy", "svmlight"}, optional
        By default told from the names.
    columns : list of str or int, optional
        The features; by default all columns but the label and the weight, and the index that pandas
        wrote into a Parquet file. In CSV an index shows only as a column without a name, which is
        refused unless the features are named.
    label, weight : str or int, optional
        Columns with another role. A label keeps its type; weights become float64.
    dtype : {"float32", "float64"}, optional
        What the features are computed with. By default float32 and float64 of arrays, frames and
        NPY stay, other numbers there become float64, and CSV, Parquet and svmlight become float32. Ids,
        times in seconds and other values far from zero that differ by little need float64: where the
        first rows of CSV and Parquet show that, a `burly.exceptions.PrecisionWarning` says so.
    header : bool, optional
        Whether CSV files start with column names. By default they do if no field of the first line
        is a number, and do not if all are.
    delimiter : str
        Between the fields of a CSV file.
    n_features : int, optional
        How many columns svmlight files have; by default as many as the largest column in all of them
        says. Give it where some of the last columns may not occur, as in data to predict.
    zero_based : bool, optional
        Whether columns of svmlight files count from 0. By default they do if column 0 occurs in any
        of them, else from 1.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If a parameter cannot work.

    Examples
    --------
    >>> Dataset("s3://bucket/points/*.parquet", columns=["x", "y"], weight="w")  # doctest: +SKIP
    """

    source: Any
    _: KW_ONLY
    format: Format | None = None
    columns: Sequence[ColumnName] | None = None
    label: ColumnName | None = None
    weight: ColumnName | None = None
    dtype: Any = None
    header: bool | None = None
    delimiter: str = ","
    n_features: int | None = None
    zero_based: bool | None = None

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in _FORMATS:
            raise ConfigurationError(
                f"format must be one of {', '.join(_FORMATS)}, got {self.format!r}"
            )
        if isinstance(self.columns, str):
            raise ConfigurationError(f"columns must be a list, got {self.columns!r}")
        if self.header not in (None, True, False):
            raise ConfigurationError(f"header must be True, False or None, got {self.header!r}")
        fits = len(self.delimiter) == 1 and self.delimiter.isascii()
        if not fits or self.delimiter in '\n\r"':
            raise ConfigurationError(
                f"delimiter must be one ASCII character, got {self.delimiter!r}"
            )
        if self.n_features is not None and self.n_features < 1:
            raise ConfigurationError(f"n_features must be 1 or more, got {self.n_features}")
        if self.zero_based not in (None, True, False):
            raise ConfigurationError(
                f"zero_based must be True, False or None, got {self.zero_based!r}"
            )
        _ = self.final

    @property
    def final(self) -> np.dtype[Any] | None:
        """``dtype`` as NumPy's; None where the data decides."""
        if self.dtype is None:
            return None
        found = next(
            (dtype for dtype in FLOATS if self.dtype in (dtype, dtype.name, dtype.type)), None
        )
        if found is None:
            raise ConfigurationError(f"dtype must be float32 or float64, got {self.dtype!r}")
        return found

    @property
    def in_memory(self) -> bool:
        """Whether the source is an array or a frame, and not files."""
        if isinstance(self.source, str | os.PathLike):
            return False
        if isinstance(self.source, list | tuple):
            return not all(isinstance(entry, str | os.PathLike) for entry in self.source)
        return True

    def resolve(
        self,
        *,
        y: Any = None,
        sample_weight: Any = None,
        credentials: Mapping[str, str] | None = None,
        learnt: Sequence[str] = (),
    ) -> ResolvedDataset:
        """Look at the data, and cut it into shards; reads headers, footers and first lines.

        Parameters
        ----------
        y, sample_weight : array-like of shape (n_rows,), optional
            For arrays and frames only: files name their columns with ``label`` and ``weight``.
        credentials : mapping of str to str, optional
            For the object store, instead of the environment's.
        learnt : sequence of str
            The features of a fitted model, which are taken where the data names its columns and
            ``columns`` chooses none.

        Raises
        ------
        burly.exceptions.DataError
            All that can be known before anything is launched: see `burly.exceptions`.
        """
        if self.in_memory:
            return from_table(
                self.source,
                columns=self.columns,
                label=self.label,
                weight=self.weight,
                dtype=self.final,
                y=y,
                sample_weight=sample_weight,
                learnt=learnt,
            )
        if y is not None or sample_weight is not None:
            name = "y" if y is not None else "sample_weight"
            role = "label" if y is not None else "weight"
            raise ConfigurationError(
                f"{name} cannot be given beside stored data",
                remedy=f"name its column: Dataset(..., {{{role}}})",
            )
        with Storage(credentials) as storage:
            found = self._describe(storage, learnt)
            ratio = text_per_byte((shard.object for shard in found.shards), storage)
            return replace(found, credentials=credentials, text_per_byte=ratio)

    def _describe(self, storage: Storage, learnt: Sequence[str]) -> ResolvedDataset:
        objects = find_objects(cast("FileSource", self.source), storage)
        found = format_of(objects, self.format)
        if found != "svmlight" and (self.n_features is not None or self.zero_based is not None):
            raise ConfigurationError(
                f"{found} files say themselves what their columns are",
                remedy="{n_features} and {zero_based} are for svmlight files alone",
            )
        match found:
            case "npy":
                return read_npy.describe(objects, self, storage)
            case "svmlight":
                return read_svmlight.describe(objects, self, storage)
            case "parquet":
                # Only these two need pyarrow, which takes its time to import.
                from burly.data import parquet_schema  # noqa: PLC0415

                return parquet_schema.describe(objects, self, storage, learnt)
            case _:
                from burly.data import csv_schema  # noqa: PLC0415

                return csv_schema.describe(objects, self, storage, learnt)
