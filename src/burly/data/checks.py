"""NaN and infinite values: count them, and refuse them with their columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.data.csr import CSR
from burly.data.partition import AnyRows, Partition
from burly.exceptions import NonFiniteError

_MOST_SHOWN = 5


def count_non_finite(partition: Partition) -> NDArray[np.int64]:
    """Count NaN and infinite values by column.

    Looks at all values: for when a kernel has met one already.

    Returns
    -------
    ndarray of shape (n_features,), int64
    """
    counts = np.zeros(partition.info.n_features, dtype=np.int64)
    for shard in partition.shards:
        if isinstance(shard.X, CSR):
            counts += shard.X.count_non_finite()
        else:
            counts += np.count_nonzero(~np.isfinite(shard.X), axis=0)
    return counts


def refuse_counts(counts: NDArray[np.int64], feature_names: Sequence[str]) -> None:
    """Raise if any column has values that are not finite.

    Parameters
    ----------
    counts : ndarray of shape (n_features,)
        How many, of all the data that the message is about.
    feature_names : sequence of str
        Empty where columns have no names.

    Raises
    ------
    burly.exceptions.NonFiniteError
    """
    bad = np.flatnonzero(counts).tolist()
    if not bad:
        return
    shown = ", ".join(
        f"{feature_names[j]!r} ({counts[j]})" if feature_names else f"{j} ({counts[j]})"
        for j in bad[:_MOST_SHOWN]
    )
    more = f" and {len(bad) - _MOST_SHOWN} more" if len(bad) > _MOST_SHOWN else ""
    raise NonFiniteError(
        f"Input X contains NaN or infinity in column {shown}{more} (in parentheses how many); "
        "remove these rows, or fill the gaps first"
    )


def refuse_non_finite(partition: Partition) -> None:
    """Raise if any value of a partition is not finite.

    Raises
    ------
    burly.exceptions.NonFiniteError
    """
    if not all(np.isfinite(_values(shard.X)).all() for shard in partition.shards):
        refuse_counts(count_non_finite(partition), partition.info.feature_names)


def _values(X: AnyRows) -> NDArray[Any]:
    return X.data if isinstance(X, CSR) else X
