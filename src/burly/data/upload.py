"""Upload an array for workers that do not share the client's memory."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import accumulate
from typing import Any

from numpy.typing import NDArray

from burly.data.arrays import ArrayReader
from burly.data.packed_csr import PackedCSRReader, pack
from burly.data.read_packed import PackedReader, padded
from burly.data.resolved import ResolvedDataset
from burly.data.shards import OBJECT_BYTES, Shard, runs_of
from burly.data.storage import Storage
from burly.data.uris import absolute
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
    reader = _reader(data, arrays)
    groups = runs_of(data.shards, OBJECT_BYTES)
    root = absolute(target).rstrip("/")
    with Storage(credentials) as storage, ThreadPoolExecutor(_N_UPLOADS, "burly-upload") as pool:
        uploaded = pool.map(lambda group: _upload(group, arrays, reader, root, storage), groups)
        shards = tuple(shard for group in uploaded for shard in group)
    row_bytes = None
    if isinstance(reader, PackedCSRReader):
        row_bytes = sum(shard.n_bytes for shard in shards) / len(arrays.X)
    return replace(data, shards=shards, reader=reader, mean_row_bytes=row_bytes)


def remove_upload(target: str, *, credentials: Mapping[str, str] | None = None) -> None:
    """Remove what `upload` wrote."""
    with Storage(credentials) as storage:
        storage.remove_folder(absolute(target))


def _reader(data: ResolvedDataset, arrays: ArrayReader) -> PackedReader | PackedCSRReader:
    info = data.info
    label = None if arrays.y is None else arrays.y.dtype
    if info.sparse:
        return PackedCSRReader(info.n_features, info.dtype, label, info.weighted)
    shard_rows = data.shards[0].end
    return PackedReader(info.n_features, info.dtype, label, info.weighted, shard_rows)


def _upload(
    group: tuple[Shard, ...],
    arrays: ArrayReader,
    reader: PackedReader | PackedCSRReader,
    root: str,
    storage: Storage,
) -> list[Shard]:
    """Write one object; return its shards, which count rows, or bytes, from its start."""
    packed = _dense if isinstance(reader, PackedReader) else _sparse
    body, places = packed(group, arrays, reader)
    item = storage.create(f"{root}/rows-{group[0].ordinal:08d}-{group[-1].ordinal + 1:08d}", body)
    if item is None:
        raise ConfigurationError(f"{root} already holds an upload; each needs a place of its own")
    return [
        replace(shard, begin=begin, end=end, n_bytes=n_bytes, object=item)
        for shard, (begin, end, n_bytes) in zip(group, places, strict=True)
    ]


def _dense(
    group: tuple[Shard, ...], arrays: ArrayReader, reader: Any
) -> tuple[Body, list[tuple[int, int, int]]]:
    """Return what an object holds, and begin, end and bytes of its shards."""
    columns: list[Any] = [a for a in (arrays.X, arrays.y, arrays.weights) if a is not None]
    first, end = group[0].begin, group[-1].end
    places = [
        (shard.begin - first, shard.end - first, reader.shard_bytes(shard.end - shard.begin))
        for shard in group
    ]
    rows = columns[0][first:end]
    if len(columns) == 1 and rows.nbytes == sum(n_bytes for _, _, n_bytes in places):
        return memoryview(rows).cast("B"), places  # nothing between the rows: no copy
    pieces: list[bytes] = []
    for shard in group:
        for column in columns:
            pieces += _padded(column[shard.begin : shard.end])
    return b"".join(pieces), places


def _sparse(
    group: tuple[Shard, ...],
    arrays: ArrayReader,
    reader: Any,  # noqa: ARG001
) -> tuple[Body, list[tuple[int, int, int]]]:
    """Return what `_dense` does, for sparse rows."""
    packed = [pack(rows.X, rows.y, rows.weights) for rows in arrays.shards(group)]
    ends = list(accumulate(map(len, packed)))
    places = [(end - len(part), end, len(part)) for part, end in zip(packed, ends, strict=True)]
    return b"".join(packed), places


def _padded(values: NDArray[Any]) -> list[bytes]:
    raw = values.tobytes()
    return [raw, bytes(padded(len(raw)) - len(raw))]
