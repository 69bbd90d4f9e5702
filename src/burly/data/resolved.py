"""What the client knows of a dataset before anything is launched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from burly.data.lines import is_compressed
from burly.data.outputs import FileFormat, OutputWriter, run_lengths
from burly.data.partition import DatasetInfo, Partition
from burly.data.reader import Reader
from burly.data.reading import read_partition
from burly.data.shards import Shard, split_shards
from burly.data.uris import absolute
from burly.plurals import count


@dataclass(frozen=True, eq=False)
class ResolvedDataset:
    """What the client knows of a dataset before anything is launched.

    Attributes
    ----------
    info : DatasetInfo
    shards : tuple of Shard
        All of them, in order.
    reader : Reader
        Travels to the workers with their shards (but for an array in memory, which does not travel:
        see `burly.data.upload`).
    mean_row_bytes : float or None
        For CSV, an estimate from the first lines; None where shards count rows.
    text_per_byte : float
        How many bytes of text a byte of a compressed file holds, estimated likewise.
    credentials : mapping of str to str or None
        With which it was found; None: the environment's.
    """

    info: DatasetInfo
    shards: tuple[Shard, ...]
    reader: Reader
    mean_row_bytes: float | None = None
    text_per_byte: float = 1.0
    credentials: Mapping[str, str] | None = field(default=None, repr=False)

    def split(self, n_workers: int) -> list[tuple[Shard, ...]]:
        """Deal the shards to at most ``n_workers`` workers; see `split_shards`."""
        return split_shards(self.shards, n_workers)

    def read(self, shards: Sequence[Shard], n_threads: int) -> Partition:
        """Read shards in this process; see `read_partition`."""
        return read_partition(
            self.info, self.reader, shards, n_threads=n_threads, credentials=self.credentials
        )

    def writer(self, target: str, *, file_format: FileFormat = "parquet") -> OutputWriter:
        """Return what writes outputs of the length of this data to a folder or a URI."""
        rows = run_lengths([self.estimated_rows(shard) for shard in self.shards])
        return OutputWriter(absolute(target).rstrip("/"), rows, file_format, self.credentials)

    def estimated_rows(self, shard: Shard) -> float:
        """Return the number of rows of a shard, or for CSV a guess from the data alone."""
        if self.mean_row_bytes is None:
            return shard.end - shard.begin
        return self.unpacked_bytes(shard) / self.mean_row_bytes

    def unpacked_bytes(self, shard: Shard) -> float:
        """Return the bytes of a shard, or of a compressed file a guess at those of its text."""
        return shard.n_bytes * (self.text_per_byte if is_compressed(shard.object) else 1.0)

    def notes_for(self, n_workers: int) -> list[str]:
        """Return what the user should know about this data on that many workers."""
        notes = []
        parts = self.split(n_workers)
        if len(parts) < n_workers:
            notes.append(
                f"the data has only {count(len(parts), 'shard')}, so it goes to "
                f"{count(len(parts), 'worker')}, not {n_workers}"
            )
        groups = {(shard.object, shard.row_group) for shard in self.shards}
        is_parquet = any(shard.row_group >= 0 for shard in self.shards)
        if is_parquet and len(groups) < len(parts):
            decoded = sum(len({(s.object, s.row_group) for s in part}) for part in parts)
            notes.append(
                f"{len(parts)} workers share {count(len(groups), 'row group')} of Parquet: each "
                "row group is fetched and decoded by every worker that needs a part of it, "
                f"{decoded / len(groups):.1f} times the bytes in all; write the files with smaller "
                "row groups (row_group_size=) to avoid that"
            )
        return notes
