"""The rows of a partition as the native kernels see them."""

from __future__ import annotations

from typing import Any

import numpy as np

from burly.data.partition import Partition
from burly.kernels import ThreadTeam


class Rows:
    """Pointers to the shards of a partition, for the kernels of one team.

    Attributes
    ----------
    partition : Partition
        Kept alive as long as its pointers are.
    native : object
        What native functions take for rows.
    suffix : str
        F32 or F64: what the names of native classes for this dtype end with.

    Raises
    ------
    ValueError
        From the kernels, if a shard is not C-contiguous, has another dtype or width than the
        dataset, or weights where others have none.
    """

    def __init__(self, partition: Partition, team: ThreadTeam) -> None:
        info = partition.info
        self.partition = partition
        self.suffix = "F32" if info.dtype == np.float32 else "F64"
        self.weighted = info.weighted
        self.native: Any = getattr(team.module, f"Rows{self.suffix}")(
            info.n_features, info.weighted
        )
        for shard in partition.shards:
            self.native.add_shard(shard.X, shard.weights if info.weighted else None)
