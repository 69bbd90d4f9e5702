"""What a fit needs of memory and of rounds, as far as the client can know before it."""

from __future__ import annotations

from burly.algorithms.logistic.auto import choose
from burly.algorithms.logistic.lbfgs import memory_for
from burly.algorithms.logistic.settings import Settings
from burly.data.partition import DatasetInfo

NARROW = 65_536
"""So many columns that occur are numbered in 16 bits by the kernels of sparse rows."""
WORKING_COPIES = 4
"""Vectors as long as the coefficients beside those that a solver remembers: sums, totals, the next point."""


def contribution_bytes(settings: Settings, info: DatasetInfo, n_classes: int | None) -> int:
    """Return how many bytes a contribution has at least: the sums of one evaluation."""
    size = _n_coefficients(info, n_classes)
    if _solver(settings, info, n_classes) != "newton":
        return 8 * size
    return 8 * (3 * size + _hessian_size(info, n_classes))


def scratch_bytes(info: DatasetInfo) -> int:
    """Return the bytes of a row: its label's code, and margins at two points."""
    return 4 + 2 * info.dtype.itemsize


def value_bytes(info: DatasetInfo) -> int:
    """Return the bytes of a stored value of sparse rows: a scaled copy, and its column's place."""
    return info.dtype.itemsize + (2 if info.n_features <= NARROW else 4)


def model_bytes(settings: Settings, info: DatasetInfo, n_classes: int | None) -> int:
    """Return the bytes that a worker needs whatever its rows: what a solver remembers, and its sums."""
    size = _n_coefficients(info, n_classes)
    vectors = WORKING_COPIES
    match _solver(settings, info, n_classes):
        case "newton":
            # A factor or matrix in the state, packed sums, and the matrix that an update works on.
            return 8 * (vectors * size + 3 * _hessian_size(info, n_classes) + size * size)
        case "lbfgs":
            vectors += 2 * (memory_for(size) + 1)
    return 8 * vectors * size


def _solver(settings: Settings, info: DatasetInfo, n_classes: int | None) -> str | None:
    """Return the solver; None if nobody knows yet."""
    if settings.solver != "auto" or info.sparse:
        return choose(settings.solver, 0, 0.0, sparse=info.sparse)
    if n_classes is None or info.n_rows is None:
        return None
    size = _n_coefficients(info, n_classes)
    return choose(settings.solver, size, float(info.n_rows), sparse=info.sparse)


def _n_outputs(n_classes: int | None) -> int:
    return 1 if n_classes is None or n_classes <= 2 else n_classes


def _n_coefficients(info: DatasetInfo, n_classes: int | None) -> int:
    return _n_outputs(n_classes) * (info.n_features + 1)


def _hessian_size(info: DatasetInfo, n_classes: int | None) -> int:
    n, width = _n_outputs(n_classes), info.n_features + 1
    return n * (n + 1) // 2 * (width * (width + 1) // 2)
