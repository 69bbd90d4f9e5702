"""Arrays, sparse matrices and data frames in memory."""

# A reader may not need all that `Reader` offers.
# ruff: noqa: ARG002

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from burly.data.columns import ColumnName, choose_columns
from burly.data.csr import CSR, from_scipy, is_sparse
from burly.data.dtypes import cast, final_dtype
from burly.data.partition import AnyRows, DatasetInfo, ShardRows
from burly.data.resolved import ResolvedDataset
from burly.data.shards import DataObject, Shard, row_ranges, rows_per_shard
from burly.data.storage import Storage
from burly.exceptions import DataError, SchemaError

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class ArrayReader:
    """Gives views on arrays in memory; stays where the arrays are.

    Attributes
    ----------
    X : ndarray or CSR of shape (n_rows, n_features)
        float32 or float64; an array is C-contiguous.
    y : ndarray of shape (n_rows,) or None
    weights : ndarray of shape (n_rows,), float64, or None
    """

    leaves_pieces: ClassVar[bool] = False

    X: AnyRows
    y: Array | None = None
    weights: Array | None = None

    def runs(self, shards: Sequence[Shard]) -> list[tuple[Shard, ...]]:
        """Everything at once: nothing is read."""
        return [tuple(shards)]

    def fetch(self, run: tuple[Shard, ...], storage: Storage) -> None:
        """Nothing to fetch."""

    def parse(
        self, run: tuple[Shard, ...], raw: None, storage: Storage, n_threads: int
    ) -> list[ShardRows]:
        """Return views, without a copy."""
        return self.shards(run)

    def shards(self, run: Sequence[Shard]) -> list[ShardRows]:
        """Return the rows of shards."""
        y, weights = self.y, self.weights
        return [
            ShardRows(
                shard.ordinal,
                rows_between(self.X, shard.begin, shard.end),
                None if y is None else y[shard.begin : shard.end],
                None if weights is None else weights[shard.begin : shard.end],
            )
            for shard in run
        ]


def rows_between(X: AnyRows, begin: int, end: int) -> AnyRows:
    """Return consecutive rows, without a copy of their values."""
    return X.rows(begin, end) if isinstance(X, CSR) else X[begin:end]


def from_arrays(
    X: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    dtype: np.dtype[Any] | None = None,
) -> ResolvedDataset:
    """Describe rows in memory; values are not looked at.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        float32 and float64 stay as they are, without a copy if C-contiguous; other numbers become
        float64. NumPy arrays, nested lists, frames of pandas, polars or Arrow, and what scipy calls
        sparse, which stays so.
    y : array-like of shape (n_rows,), optional
        Keeps its dtype.
    sample_weight : array-like of shape (n_rows,), optional
        Becomes float64.
    dtype : numpy dtype, optional
        float32 or float64, instead of the rule above.

    Raises
    ------
    burly.exceptions.SchemaError
        If shapes or types do not fit.
    burly.exceptions.DataError
        If there are no rows.
    """
    names, rows = _rows(X, dtype)
    n_rows, n_features = rows.shape
    if n_rows == 0 or n_features == 0:
        raise DataError(f"X is empty: it has {n_rows} rows and {n_features} features")
    label = None if y is None else _column(y, n_rows, "y")
    weights = None
    if sample_weight is not None:
        column = _column(sample_weight, n_rows, "sample_weight")
        final_dtype(column.dtype, None, "sample_weight")
        weights = cast(column, np.dtype(np.float64), "sample_weight")
    shards = _cut(rows)
    info = DatasetInfo(
        n_features=n_features,
        dtype=rows.dtype,
        n_shards=len(shards),
        n_rows=n_rows,
        max_rows=n_rows,
        weighted=weights is not None,
        labelled=label is not None,
        feature_names=names,
        sparse=isinstance(rows, CSR),
    )
    return ResolvedDataset(info, shards, ArrayReader(rows, label, weights))


def _cut(rows: AnyRows) -> tuple[Shard, ...]:
    """Cut rows into shards of as many rows each; those of sparse rows differ in bytes."""
    n_rows = len(rows)
    memory = DataObject("", None, rows.nbytes)
    ranges = row_ranges(n_rows, rows_per_shard(-(-rows.nbytes // n_rows)))
    return tuple(
        Shard(ordinal, begin, end, rows_between(rows, begin, end).nbytes, memory)
        for ordinal, (begin, end) in enumerate(ranges)
    )


def from_table(
    source: Any,
    *,
    columns: Sequence[ColumnName] | None,
    label: ColumnName | None,
    weight: ColumnName | None,
    dtype: np.dtype[Any] | None,
    y: Any = None,
    sample_weight: Any = None,
    learnt: Sequence[str] = (),
) -> ResolvedDataset:
    """Describe an array or a frame whose columns have roles; see `from_arrays`."""
    names = _frame_names(source)
    if columns is None and label is None and weight is None and not (names and learnt):
        return from_arrays(source, y, sample_weight, dtype=dtype)
    if is_sparse(source):
        raise SchemaError(
            "columns of sparse rows have no roles: pass labels and weights to fit, and choose "
            "columns with X[:, columns]"
        )
    table = source if names else np.asarray(source)
    if len(table.shape) != 2:
        raise SchemaError(f"X must have two dimensions, got shape {table.shape}")
    where = "the frame" if names else "the array"
    _refuse_twice(names)
    chosen = choose_columns(
        names,
        table.shape[1],
        columns=columns,
        label=label,
        weight=weight,
        where=where,
        learnt=learnt,
    )

    def column(at: int) -> Any:
        return table[names[at]] if names else table[:, at]

    def role(at: int | None, given: Any) -> Any:
        if at is None:
            return given
        return _column(column(at), table.shape[0], f"column {chosen.describe(at)} of {where}")

    if names:
        features = np.column_stack([_numbers(column(at), names[at]) for at in chosen.features])
    else:
        features = table[:, chosen.features]
    resolved = from_arrays(
        features, role(chosen.label, y), role(chosen.weight, sample_weight), dtype=dtype
    )
    return replace(resolved, info=replace(resolved.info, feature_names=chosen.feature_names))


def _rows(X: Any, dtype: np.dtype[Any] | None) -> tuple[tuple[str, ...], AnyRows]:
    """Return feature names (empty for arrays) and the numbers in their final dtype."""
    if is_sparse(X):
        return (), from_scipy(X, final_dtype(np.dtype(X.dtype), dtype, "X"))
    names, table = _table(X)
    if table.ndim != 2:
        raise SchemaError(
            f"X must have two dimensions, (n_rows, n_features), got shape {table.shape}; "
            "X.reshape(-1, 1) makes one feature of a flat array"
        )
    return names, cast(table, final_dtype(table.dtype, dtype, "X"), "X")


def _table(X: Any) -> tuple[tuple[str, ...], Array]:
    """Return feature names (empty for arrays) and the numbers as an array."""
    names = _frame_names(X)
    if names:
        dense = np.asarray(X.to_numpy()) if hasattr(X, "to_numpy") else None
        if dense is None or dense.dtype.kind not in "fiub":
            _refuse_twice(names)
            dense = np.column_stack([_numbers(X[name], name) for name in names])
        return names, dense
    try:
        table = np.asarray(X)
    except ValueError as error:
        raise SchemaError(f"X is not a table of numbers: {error}") from None
    return (), _numbers(table, None)


def _numbers(values: Any, name: str | None) -> Array:
    """Return numbers; Python objects become float64 if each is one."""
    array = np.asarray(values)
    if array.dtype.kind in "fiub":
        return array
    where = "X" if name is None else f"column {name!r} of the frame"
    if array.dtype.kind == "O":
        try:
            if hasattr(values, "to_numpy"):
                # pandas' own missing value is no number to NumPy; to pandas it is.
                return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
            return array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise SchemaError(f"{where} does not hold numbers: {error}") from None
    raise SchemaError(f"{where} holds {array.dtype} where real numbers are needed")


def _frame_names(X: Any) -> tuple[str, ...]:
    """Return the column names of a frame if all are strings, else nothing."""
    names = getattr(X, "column_names", None)
    if names is None and hasattr(X, "to_numpy"):
        names = getattr(X, "columns", None)
    listed = [] if names is None else list(names)
    return tuple(listed) if all(isinstance(name, str) for name in listed) else ()


def _refuse_twice(names: Sequence[str]) -> None:
    """Refuse a frame that would give several columns for one name."""
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise SchemaError(f"the frame has more than one column named {name!r}")


def _column(values: Any, n_rows: int, what: str) -> Array:
    column = np.asarray(values)
    if column.ndim == 2 and column.shape[1] == 1:
        column = column[:, 0]
    if column.ndim != 1:
        raise SchemaError(f"{what} must have one dimension, got shape {column.shape}")
    if len(column) != n_rows:
        raise SchemaError(f"{what} has {len(column)} entries for the {n_rows} rows of X")
    if column.dtype.kind == "O":
        entries = column.tolist()
        n_missing = sum(map(_is_missing, entries))
        if n_missing:
            raise SchemaError(
                f"{what} has {n_missing} missing among its {n_rows} entries; remove these rows, or fill "
                "the gaps first"
            )
        # Text travels as fixed-width characters: nothing here is ever pickled.
        column = np.asarray(entries)
        n_texts = sum(isinstance(entry, str) for entry in entries)
        if column.dtype.kind == "O" or 0 < n_texts < n_rows:
            raise SchemaError(f"{what} mixes types; numbers or text are needed")
    return np.ascontiguousarray(column)


def _is_missing(entry: Any) -> bool:
    """Whether an entry is None, NaN or what pandas calls NA: none of these equals itself."""
    same = entry == entry  # noqa: PLR0124
    return entry is None or not isinstance(same, bool | np.bool_) or not same
