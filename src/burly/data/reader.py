"""What every format has to offer to a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from burly.data.partition import ShardRows
from burly.data.shards import Shard
from burly.data.storage import Storage


class Reader(Protocol):
    """How shards of one format become rows: a small frozen value that travels to workers."""

    leaves_pieces: ClassVar[bool]
    """Whether parsing allocates and frees so much that `use_one_arena` pays."""

    def runs(self, shards: Sequence[Shard]) -> list[tuple[Shard, ...]]:
        """Group shards, in order, into what one task reads."""

    def fetch(self, run: tuple[Shard, ...], storage: Storage) -> Any:
        """Get the bytes of a run; waits for the network, and does little else."""

    def parse(
        self, run: tuple[Shard, ...], raw: Any, storage: Storage, n_threads: int
    ) -> list[ShardRows]:
        """Turn what `fetch` returned into rows, one entry a shard.

        ``n_threads`` is how many cores this run may keep busy beside the others.
        """
