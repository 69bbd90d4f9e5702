"""Sparse rows: the one form that travels, without scipy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.exceptions import SchemaError

Array = NDArray[Any]

MAX_COLUMNS = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True, eq=False)
class CSR:
    """Rows that are mostly zeros, stored one after the other.

    Attributes
    ----------
    data : ndarray of shape (n_stored,)
        float32 or float64.
    indices : ndarray of shape (n_stored,), int32
        The columns of the values: within a row ascending, each once.
    indptr : ndarray of shape (n_rows + 1,), int64
        Where rows start; the first is 0, the last n_stored.
    n_columns : int
        0 while columns are as they are written, and only all rows together number them.
    """

    data: Array
    indices: NDArray[np.int32]
    indptr: NDArray[np.int64]
    n_columns: int

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self), self.n_columns

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""
        return self.data.dtype

    @property
    def itemsize(self) -> int:
        """Bytes of a value."""
        return self.data.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all three arrays."""
        return self.data.nbytes + self.indices.nbytes + self.indptr.nbytes

    def rows(self, begin: int, end: int) -> CSR:
        """Return consecutive rows; values and columns are views."""
        first, last = int(self.indptr[begin]), int(self.indptr[end])
        starts = self.indptr[begin : end + 1] - first
        return CSR(self.data[first:last], self.indices[first:last], starts, self.n_columns)

    def count_non_finite(self) -> NDArray[np.int64]:
        """Count NaN and infinite values by column."""
        bad = self.indices[~np.isfinite(self.data)]
        counts: NDArray[np.int64] = np.bincount(bad, minlength=self.n_columns).astype(np.int64)
        return counts


def is_sparse(X: Any) -> bool:
    """Whether X is one of scipy's matrices or arrays, or a `CSR`."""
    return isinstance(X, CSR) or hasattr(X, "tocsr")


def from_scipy(X: Any, dtype: np.dtype[Any]) -> CSR:
    """Take a matrix or array of scipy; nothing of it is changed, nor copied where that can be.

    Parameters
    ----------
    X : scipy sparse matrix or array of shape (n_rows, n_columns)
        Entries of one place are added up.
    dtype : numpy dtype
        float32 or float64.

    Raises
    ------
    burly.exceptions.SchemaError
        If it has more columns than can be numbered.
    """
    if isinstance(X, CSR):
        return X
    if X.ndim != 2:
        raise SchemaError(f"X must have two dimensions, (n_rows, n_features), got shape {X.shape}")
    n_columns = int(X.shape[1])
    if n_columns > MAX_COLUMNS:
        raise SchemaError(f"X has {n_columns} features; sparse rows may have {MAX_COLUMNS}")
    csr = X.tocsr()
    if not csr.has_canonical_format:
        csr = csr.copy() if csr is X else csr
        csr.sum_duplicates()
    stored = int(csr.indptr[-1])
    return CSR(
        np.ascontiguousarray(csr.data[:stored], dtype=dtype),
        np.ascontiguousarray(csr.indices[:stored], dtype=np.int32),
        np.ascontiguousarray(csr.indptr, dtype=np.int64),
        n_columns,
    )
