"""Results as long as the data: labels, predictions, transformed rows.

Files hold whole groups of consecutive shards, about 64 MB each; which shards go together follows
from the data and the width of a row alone, so every layout of workers writes the same files. A rank
that holds all shards of a group writes the file. Where several share a group, each writes its part
beside the files (below ``_parts``), and whoever then sees that the parts are all there joins them
into the file and removes them. Every write is keyed and the first one wins, so duplicates and
retries are harmless.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from itertools import groupby, pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from burly.data.partition import Partition
from burly.data.shards import OBJECT_BYTES, DataObject
from burly.data.storage import Storage
from burly.exceptions import ConfigurationError, DataChangedError, DataError, DataNotFoundError

Outputs = dict[str, NDArray[Any]]
FileFormat = Literal["parquet", "npz"]
ShardRange = tuple[int, int]

_RANGE = re.compile(r"(\d+)-(\d+)\.\w+$")
_TEXT_BYTES = 16
"""Taken for the width of text, which can differ from rank to rank."""


@dataclass(frozen=True, slots=True)
class OutputWriter:
    """Writes the outputs of one run; a small value that travels to every rank.

    Attributes
    ----------
    target : str
        The folder, as `burly.data.storage.absolute` writes it.
    rows : tuple of (int, float)
        How many consecutive shards have how many rows (for CSV, an estimate from the data alone).
    format : {"parquet", "npz"}
    credentials : mapping of str to str or None
    """

    target: str
    rows: tuple[tuple[int, float], ...]
    format: FileFormat = "parquet"
    credentials: Mapping[str, str] | None = field(default=None, repr=False)

    def __call__(self, partition: Partition, outputs: Outputs) -> int:
        """Write what one rank has; return the bytes written.

        Parameters
        ----------
        partition : Partition
        outputs : dict of str to ndarray
            As long as the partition, in its order.
        """
        if not outputs or not partition.shards:
            return 0
        firsts = np.cumsum([0, *(len(shard.X) for shard in partition.shards)])
        begin = partition.shards[0].ordinal
        end = begin + len(partition.shards)
        written = 0
        with Storage(self.credentials) as storage:
            for group in self.groups(outputs):
                mine = max(group[0], begin), min(group[1], end)
                if mine[0] < mine[1]:
                    rows = slice(firsts[mine[0] - begin], firsts[mine[1] - begin])
                    some = {name: values[rows] for name, values in outputs.items()}
                    written += self._write(storage, group, mine, some)
        return written

    def groups(self, outputs: Outputs) -> list[ShardRange]:
        """Return which shards go into one file: from the data and the width of a row alone."""
        row_bytes = sum(_width(values) for values in outputs.values())
        cuts, size, ordinal = [0], 0.0, 0
        for n_shards, n_rows in self.rows:
            for _ in range(n_shards):
                if size and size + n_rows * row_bytes > OBJECT_BYTES:
                    cuts.append(ordinal)
                    size = 0.0
                size += n_rows * row_bytes
                ordinal += 1
        return list(pairwise([*cuts, ordinal]))

    def prepare(self) -> None:
        """Check, before anything is launched, that nothing is in the way.

        Raises
        ------
        burly.exceptions.ConfigurationError
            If the folder holds something: the first write would win, and it is not ours.
        burly.exceptions.DataError
            If it can be seen that nothing can be written there.
        """
        with Storage(self.credentials) as storage:
            found = storage.list_target(self.target)
        if found:
            raise ConfigurationError(
                f"{self.target or '/'} already holds files ({found[0].uri}, say); name another folder for "
                "the output, or empty this one"
            )

    def finish(self) -> None:
        """Check, once all ranks are done, that the files are all there; remove what is no file.

        Raises
        ------
        burly.exceptions.DataError
            If files are missing.
        """
        with Storage(self.credentials) as storage:
            files = self._files(storage)
            storage.remove_folder(f"{self.target}/_parts")
        n_shards = sum(count for count, _ in self.rows)
        if not _cover([shards_of(item) for item in files], (0, n_shards)):
            raise DataError(f"{self.target} is not complete: some of its files are missing")

    def gather(self) -> Outputs:
        """Read all outputs back, in the order of the data; for the format npz.

        Empty if the algorithm had none.
        """
        with Storage(self.credentials) as storage:
            parts = storage.map(lambda item: _load(item, storage), self._files(storage))
        return _joined(parts)

    def remove(self) -> None:
        """Remove everything, parts of a failed run included."""
        with Storage(self.credentials) as storage:
            storage.remove_folder(self.target)

    @contextmanager
    def removed_if_failed(self) -> Iterator[None]:
        """Remove what a run wrote if it fails in here."""
        try:
            yield
        except BaseException:
            with suppress(DataError):  # what ended the run says more
                self.remove()
            raise

    def _files(self, storage: Storage) -> list[DataObject]:
        _, files = storage.list_folder(self.target)
        return [item for item in files if item.uri.endswith("." + self.format)]

    def _write(
        self, storage: Storage, group: ShardRange, mine: ShardRange, outputs: Outputs
    ) -> int:
        name = f"{self.target}/part-{_written(group)}.{self.format}"
        if mine == group:
            return _create(storage, name, self._encoded(outputs))
        folder = f"{self.target}/_parts/{_written(group)}"
        written = _create(storage, f"{folder}/{_written(mine)}.npz", _npz(outputs))
        parts = storage.list_below(folder)
        chosen = _cover([shards_of(item) for item in parts], group)
        if not chosen:
            return written  # another rank will find them complete
        try:
            joined = _joined([_load(parts[at], storage) for at in chosen])
        except (DataNotFoundError, DataChangedError):
            return written  # another rank has joined them, and removes them
        written += _create(storage, name, self._encoded(joined))
        storage.remove(parts)
        return written

    def _encoded(self, outputs: Outputs) -> memoryview:
        return _npz(outputs) if self.format == "npz" else _parquet(outputs)


def run_lengths(rows: Sequence[float]) -> tuple[tuple[int, float], ...]:
    """Write numbers, most of which equal their neighbours, in short."""
    return tuple((len(list(same)), n_rows) for n_rows, same in groupby(rows))


def shards_of(item: DataObject) -> ShardRange:
    """Return which shards a file holds, from its name."""
    found = _RANGE.search(item.uri)
    if found is None:
        raise DataError(f"{item.uri} is not a file of ours")
    return int(found[1]), int(found[2])


def _written(shards: ShardRange) -> str:
    return f"{shards[0]:08d}-{shards[1]:08d}"


def _cover(ranges: Sequence[ShardRange], whole: ShardRange) -> list[int]:
    """Return which of some ranges, in order, fill a whole; nothing if there is a gap."""
    at, chosen = whole[0], []
    by_begin = {begin: (end, i) for i, (begin, end) in enumerate(ranges) if end <= whole[1]}
    while at < whole[1]:
        if at not in by_begin:
            return []
        at, i = by_begin[at]
        chosen.append(i)
    return chosen


def _create(storage: Storage, uri: str, body: memoryview) -> int:
    return body.nbytes if storage.create(uri, body) else 0


def _width(values: NDArray[Any]) -> int:
    itemsize = _TEXT_BYTES if values.dtype.kind == "U" else values.dtype.itemsize
    return itemsize * int(np.prod(values.shape[1:], dtype=np.int64))


def _npz(outputs: Outputs) -> memoryview:
    body = BytesIO()
    np.savez(body, allow_pickle=False, **outputs)
    return body.getbuffer()


def _load(item: DataObject, storage: Storage) -> Outputs:
    with np.load(BytesIO(storage.read(item, 0, item.size)), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _joined(parts: Sequence[Outputs]) -> Outputs:
    names = list(parts[0]) if parts else []
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _parquet(outputs: Outputs) -> memoryview:
    """One column for an output of one dimension, else one for each of its columns."""
    import pyarrow as pa  # noqa: PLC0415  only where Parquet is written
    from pyarrow import parquet  # noqa: PLC0415

    columns: dict[str, Any] = {}
    for name, values in outputs.items():
        if values.ndim == 1:
            columns[name] = pa.array(values)
        else:
            columns |= {f"{name}_{j}": pa.array(values[:, j]) for j in range(values.shape[1])}
    body = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns), body)
    return memoryview(body.getvalue()).cast("B")
