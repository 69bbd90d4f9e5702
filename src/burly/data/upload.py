"""An array on its way to workers that do not share the client's memory."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from burly.data.arrays import ArrayReader
from burly.data.read_packed import PackedReader, padded
from burly.data.resolved import ResolvedDataset
from burly.data.shards import OBJECT_BYTES, Shard
from burly.data.storage import Storage, absolute
from burly.exceptions import ConfigurationError

_N_UPLOADS = 4
Body = bytes | memoryview


def upload(
    data: ResolvedDataset, target: str, *, credentials: Mapping[str, str] | None = None
) -> ResolvedDataset:
    """Write an array, with labels and weights, as objects of about 64 MB.

    The shards are those that the array has in memory, so the model will have the same bits. Whoever
    uploads removes the objects afterwards with `remove_upload`.

    Parameters
    ----------
    data : ResolvedDataset
        From `burly.data.arrays.from_arrays`.
    target : str
        A folder or a URI that nothing else uses.
    credentials : mapping of str to str, optional

    Returns
    -------
    ResolvedDataset
        The same dataset, where workers can read it.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If objects are there already.
    burly.exceptions.DataAccessError
        If the place cannot be written.
    """
    arrays = data.reader
    if not isinstance(arrays, ArrayReader):
        raise TypeError("only data from memory is uploaded")
    shard_rows = data.shards[0].end
    reader = PackedReader(
        n_features=data.info.n_features,
        dtype=data.info.dtype,
        label=None if arrays.y is None else arrays.y.dtype,
        weighted=arrays.weights is not None,
        shard_rows=shard_rows,
    )
    per_object = max(1, OBJECT_BYTES // reader.shard_bytes(shard_rows))
    groups = [
        data.shards[begin : begin + per_object] for begin in range(0, len(data.shards), per_object)
    ]
    root = absolute(target).rstrip("/")
    with Storage(credentials) as storage, ThreadPoolExecutor(_N_UPLOADS, "burly-upload") as pool:
        uploaded = pool.map(lambda group: _upload(group, arrays, reader, root, storage), groups)
        shards = tuple(shard for group in uploaded for shard in group)
    return replace(data, shards=shards, reader=reader)


def remove_upload(target: str, *, credentials: Mapping[str, str] | None = None) -> None:
    """Remove what `upload` wrote."""
    with Storage(credentials) as storage:
        storage.remove_folder(absolute(target))


def _upload(
    group: tuple[Shard, ...], arrays: ArrayReader, reader: PackedReader, root: str, storage: Storage
) -> list[Shard]:
    """Write one object; return its shards, which count rows from its start."""
    first = group[0].begin
    item = storage.create(
        f"{root}/rows-{group[0].ordinal:08d}-{group[-1].ordinal + 1:08d}",
        _body(group, arrays, reader),
    )
    if item is None:
        raise ConfigurationError(f"{root} already holds an upload; each needs a place of its own")
    return [
        replace(
            shard,
            begin=shard.begin - first,
            end=shard.end - first,
            n_bytes=reader.shard_bytes(shard.end - shard.begin),
            object=item,
        )
        for shard in group
    ]


def _body(group: tuple[Shard, ...], arrays: ArrayReader, reader: PackedReader) -> Body:
    columns = [a for a in (arrays.X, arrays.y, arrays.weights) if a is not None]
    begin, end = group[0].begin, group[-1].end
    n_bytes = sum(reader.shard_bytes(shard.end - shard.begin) for shard in group)
    rows: Any = arrays.X[begin:end]
    if len(columns) == 1 and rows.nbytes == n_bytes:
        return memoryview(rows).cast("B")  # nothing between the rows: no copy
    pieces: list[bytes] = []
    for shard in group:
        for column in columns:
            pieces += _padded(column[shard.begin : shard.end])
    return b"".join(pieces)


def _padded(values: NDArray[Any]) -> list[bytes]:
    raw = values.tobytes()
    return [raw, bytes(padded(len(raw)) - len(raw))]
