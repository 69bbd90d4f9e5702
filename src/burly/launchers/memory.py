"""Whether a partition fits into a function: looked at before anything is launched."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from burly.algorithms.base import Algorithm
from burly.data.resolved import ResolvedDataset
from burly.data.shards import Shard
from burly.exceptions import ConfigurationError

READING_FACTOR = 1.3
READING_BYTES = 64_000_000
"""Reading takes at most so many times the partition, and so much: see docs/performance.md."""
IMPORTED_BYTES = 100_000_000
"""What a function holds before it reads: Python, NumPy, Lithops, Arrow and burly."""


def needed_bytes(algorithm: Algorithm, data: ResolvedDataset, part: Sequence[Shard]) -> int:
    """Return the memory that a worker needs for its shards; of a CSV file, a guess."""
    info = data.info
    n_rows = sum(data.estimated_rows(shard) for shard in part)
    beside = 8 * (info.weighted + info.labelled)
    if info.sparse:
        rows_bytes = sum(map(data.unpacked_bytes, part)) + n_rows * beside
    else:
        rows_bytes = n_rows * (info.n_features * info.dtype.itemsize + beside)
    scratch_bytes = n_rows * algorithm.scratch_bytes(info)
    if info.sparse:
        n_stored = rows_bytes / (np.dtype(np.int32).itemsize + info.dtype.itemsize)
        scratch_bytes += n_stored * algorithm.value_bytes(info)
    return int(READING_FACTOR * rows_bytes + scratch_bytes + _fixed_bytes(algorithm, data))


def _fixed_bytes(algorithm: Algorithm, data: ResolvedDataset) -> int:
    """Return what a worker needs that has no rows."""
    return READING_BYTES + IMPORTED_BYTES + algorithm.model_bytes(data.info)


def check(
    algorithm: Algorithm,
    data: ResolvedDataset,
    parts: Sequence[Sequence[Shard]],
    *,
    memory_mb: int,
    where: str,
) -> None:
    """Refuse a launch whose largest partition does not fit into a function.

    Parameters
    ----------
    algorithm : Algorithm
    data : ResolvedDataset
    parts : sequence of sequence of Shard
        One entry a worker.
    memory_mb : int
        Of one function, in MB as platforms count it (2**20 bytes).
    where : str
        What the functions run on.

    Raises
    ------
    burly.exceptions.ConfigurationError
        With the numbers, and how many workers would do.
    """
    needs = [needed_bytes(algorithm, data, part) for part in parts]
    granted = memory_mb << 20
    if max(needs) <= granted:
        return
    fixed = _fixed_bytes(algorithm, data)
    enough_mb = _mb(max(needs))
    remedy = f"give each more memory ({{vcpus}} or {{memory_mb:{enough_mb}}} would do)"
    if granted > fixed:
        total = sum(needs) - fixed * len(needs)
        enough = -(-total // (granted - fixed)) + 1
        if enough <= len(data.shards):
            remedy = f"use at least {enough} workers ({{n_workers:{enough}}}), or {remedy}"
    raise ConfigurationError(
        f"the data does not fit: the largest of {len(parts)} workers needs about "
        f"{_mb(max(needs))} MB for its rows, its scratch and reading them, and a function of "
        f"{where} has {memory_mb} MB",
        remedy=remedy,
    )


def _mb(n_bytes: int) -> int:
    return -(-n_bytes // (1 << 20))
