"""What is wrong with values that a kernel refused."""

from __future__ import annotations

import numpy as np

from burly.data.partition import Partition

_MOST_SHOWN = 5


def explain_non_finite(partition: Partition) -> str:
    """Say which features are not finite, and how often.

    Looks at all values: for when a kernel has met one already.

    Returns
    -------
    str
        For a message; empty if all values are finite.
    """
    counts = np.zeros(partition.info.n_features, dtype=np.int64)
    for shard in partition.shards:
        counts += np.count_nonzero(~np.isfinite(shard.X), axis=0)
    bad = np.flatnonzero(counts)
    if not len(bad):
        return ""
    names = partition.info.feature_names
    shown = [
        f"{repr(names[j]) if names else int(j)} ({counts[j]})" for j in bad[:_MOST_SHOWN].tolist()
    ]
    more = f" and {len(bad) - _MOST_SHOWN} more" if len(bad) > _MOST_SHOWN else ""
    return (
        f"NaN or infinity in column {', '.join(shown)}{more} (in parentheses how many); remove "
        "these rows, or fill the gaps first"
    )
