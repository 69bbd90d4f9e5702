"""What given centres say of the rows of a partition: labels, distances, inertia."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.data.checks import refuse_non_finite
from burly.exact_sum import Grid
from burly.kernels import ThreadTeam
from burly.kernels.rows import Rows

Array = NDArray[Any]


def own_distances(
    rows: Rows,
    team: ThreadTeam,
    centers: Array,
    labels: NDArray[np.int32],
    grid: Grid,
) -> tuple[NDArray[np.int64], float]:
    """Sum ``weight * |x - centers[label]|**2`` exactly: the inertia.

    Parameters
    ----------
    rows : Rows
    team : ThreadTeam
    centers : ndarray of shape (n_clusters, n_features)
    labels : ndarray of shape (n_rows,), int32
    grid : Grid
        Of one exponent and two levels.

    Returns
    -------
    sum : ndarray of shape (2,), int64
        In quanta of the grid.
    largest : float
        The largest term: above the grid's bound, the sum is void.
    """
    total = np.empty(2, dtype=np.int64)
    largest = team.module.own_distances(
        team.native,
        rows.native,
        np.ascontiguousarray(centers, dtype=rows.partition.info.dtype),
        labels,
        grid.quanta[:, 0].copy(),
        total,
    )
    return total, largest


def assign(rows: Rows, team: ThreadTeam, centers: Array, shift: Array) -> NDArray[np.int32]:
    """Return the number of the nearest centre of each row, the one `burly.kernels.lloyd.Lloyd.step` finds.

    Parameters
    ----------
    rows : Rows
    team : ThreadTeam
    centers : ndarray of shape (n_clusters, n_features)
    shift : ndarray of shape (n_features,)
        That of the run which made the centres.

    Raises
    ------
    burly.exceptions.NonFiniteError
        If a value is not finite: met on the way, without a pass of its own.
    """
    dtype = rows.partition.info.dtype
    labels = np.empty(rows.partition.n_rows, dtype=np.int32)
    finite = team.module.assign(
        team.native,
        rows.native,
        np.ascontiguousarray(centers, dtype=dtype),
        np.ascontiguousarray(shift, dtype=dtype),
        labels,
    )
    if not finite:
        refuse_non_finite(rows.partition)
    return labels


def distances(rows: Rows, team: ThreadTeam, centers: Array, shift: Array) -> Array:
    """Return the distance of each row to each centre, of shape (n_rows, n_clusters).

    Parameters
    ----------
    rows : Rows
    team : ThreadTeam
    centers : ndarray of shape (n_clusters, n_features)
    shift : ndarray of shape (n_features,)

    Raises
    ------
    burly.exceptions.NonFiniteError
        As of `assign`.
    """
    dtype = rows.partition.info.dtype
    out = np.empty((rows.partition.n_rows, len(centers)), dtype=dtype)
    finite = team.module.distances(
        team.native,
        rows.native,
        np.ascontiguousarray(centers, dtype=dtype),
        np.ascontiguousarray(shift, dtype=dtype),
        out,
    )
    if not finite:
        refuse_non_finite(rows.partition)
    return out
