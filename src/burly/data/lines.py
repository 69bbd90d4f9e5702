"""Text in lines: cut by bytes, each line read by the shard that holds its first byte.

A shard is a MiB of the file. Its lines start at the first line start at or after its begin, and
end at the first line start at or after its end; so neighbours agree on the cut between them,
whatever the line ends are, and each line is read exactly once. Compressed files cannot be cut: each
is one shard, parsed while it is unpacked.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence

from burly.data.shards import REQUEST_BYTES, SHARD_BYTES, DataObject, Shard
from burly.data.storage import Storage
from burly.exceptions import ParseError

Text = memoryview | bytes

MOST_PACKED = 1032
"""No deflate stream unpacks to more than this many times its size."""
_TAIL_BYTES = 64 << 10
_WINDOW_BYTES = 4 << 10


def cut_files(items: Sequence[DataObject]) -> tuple[Shard, ...]:
    """Cut files at whole MiBs of their own; a compressed file is one shard."""
    shards: list[Shard] = []
    for item in items:
        if is_compressed(item):
            shards.append(Shard(len(shards), 0, item.size, item.size, item))
            continue
        first = item.data_begin // SHARD_BYTES * SHARD_BYTES
        for start in range(first, item.size, SHARD_BYTES):
            begin, end = max(start, item.data_begin), min(start + SHARD_BYTES, item.size)
            if begin < end:
                shards.append(Shard(len(shards), begin, end, end - begin, item))
    return tuple(shards)


def fetch_lines(run: tuple[Shard, ...], storage: Storage) -> memoryview:
    """Get the bytes of a run, from one byte before it to the end of its last line.

    The byte before tells whether a line starts with the run. Nothing is fetched of compressed
    files, which are unpacked as a stream.
    """
    item, begin, end = run[0].object, run[0].begin, run[-1].end
    if is_compressed(item):
        return memoryview(b"")
    begin -= begin > item.data_begin
    stop = min(end + _TAIL_BYTES, item.size)
    text = memoryview(storage.read(item, begin, stop))
    last = end - 1 - begin
    if begin > item.data_begin and after_line_end(text, 0, last) is None:
        return text  # all of it is inside a line that starts before
    while stop < item.size and after_line_end(text, last, len(text)) is None:
        wider = min(stop + (stop - end), item.size)
        more = storage.read(item, stop, wider)
        text, stop = memoryview(b"".join((text, more))), wider
    return text


def lines_of(run: tuple[Shard, ...], raw: memoryview) -> Iterator[tuple[Shard, memoryview, int]]:
    """Yield each shard of a run, its lines, and where they begin in the object."""
    item = run[0].object
    offset = run[0].begin - (run[0].begin > item.data_begin)
    cuts = line_starts(run, raw)
    for shard, begin, end in zip(run, cuts, cuts[1:], strict=False):
        yield shard, raw[begin:end], offset + begin


def first_lines(shard: Shard, storage: Storage) -> bytes:
    """Return the first lines of a dataset: of its first shard, or of the first MiB unpacked."""
    if is_compressed(shard.object):
        return next(unpacked_lines(shard.object, storage), b"")
    raw = fetch_lines((shard,), storage)
    begin, end = line_starts((shard,), raw)
    return bytes(raw[begin:end])


def line_starts(run: tuple[Shard, ...], raw: memoryview) -> list[int]:
    """Return where the lines of each shard start in ``raw``, and where the last ones end."""
    item = run[0].object
    starts_inside = run[0].begin > item.data_begin
    offset = run[0].begin - starts_inside
    cuts = []
    for border in [shard.begin for shard in run] + [run[-1].end]:
        if border == item.data_begin:
            cuts.append(0)
        else:
            found = after_line_end(raw, border - 1 - offset, len(raw))
            cuts.append(len(raw) if found is None else found)
    return cuts


def after_line_end(text: Text, begin: int, end: int) -> int | None:
    """Return where the first line starts after a line end in ``[begin, end)``."""
    while begin < end:
        stop = min(begin + _WINDOW_BYTES, end)
        found = bytes(text[begin:stop]).find(b"\n")
        if found >= 0:
            return begin + found + 1
        begin = stop
    return None


def is_compressed(item: DataObject) -> bool:
    """Whether a file has to be unpacked."""
    return item.uri.lower().endswith(".gz")


def unpacked_lines(item: DataObject, storage: Storage) -> Iterator[bytes]:
    """Yield the lines of a compressed file from ``item.data_begin`` on, about a MiB at a time."""
    rest, skip = b"", item.data_begin
    for piece in unpacked(item, storage):
        skipped = min(skip, len(piece))
        skip -= skipped
        text = rest + piece[skipped:]
        cut = text.rfind(b"\n") + 1
        if cut:
            yield text[:cut]
        rest = text[cut:]
    if rest:
        yield rest


def unpacked(item: DataObject, storage: Storage) -> Iterator[bytes]:
    """Yield what a gzip file (of one or more members) holds, in pieces of at most a MiB."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        for chunk in storage.stream(item, SHARD_BYTES):
            packed = bytes(chunk)
            while packed:
                if unpacker.eof:
                    unpacker = zlib.decompressobj(wbits=31)
                piece = unpacker.decompress(packed, SHARD_BYTES)
                packed = unpacker.unconsumed_tail or unpacker.unused_data
                if piece:
                    yield piece
        yield unpacker.flush()
    except zlib.error as error:
        raise _damaged(item, error) from None
    if not unpacker.eof:
        raise ParseError(f"{item.uri} is cut short: its gzip stream does not end")


def text_per_byte(items: Iterable[DataObject], storage: Storage) -> float:
    """Return how many bytes of text a byte of the first compressed file holds, by its first MiB of text.

    1 where no file is compressed.
    """
    item = next(filter(is_compressed, items), None)
    if item is None:
        return 1.0
    packed = storage.read(item, 0, min(SHARD_BYTES, item.size)).to_bytes()
    rest, n_bytes = packed, 0
    while rest and n_bytes < SHARD_BYTES:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            n_bytes += len(unpacker.decompress(rest, SHARD_BYTES))
        except zlib.error as error:
            raise _damaged(item, error) from None
        rest = unpacker.unused_data or unpacker.unconsumed_tail
    return n_bytes / (len(packed) - len(rest))


def _damaged(item: DataObject, error: zlib.error) -> ParseError:
    return ParseError(f"{item.uri} is not a gzip file, or is damaged: {error}")


def first_bytes(item: DataObject, size: int, storage: Storage) -> tuple[bytes, bool]:
    """Return the first bytes of text, and whether they are all of it."""
    if item.size == 0:
        return b"", True
    if not is_compressed(item):
        text = storage.read(item, 0, min(size, item.size)).to_bytes()
        return text, size >= item.size
    text = b""
    for piece in unpacked(item, storage):
        text += piece
        if len(text) > size:
            return text, False
    return text, True


def count_lines(item: DataObject, end: int, storage: Storage) -> int:
    """Return how many lines end before a byte; only errors need it."""
    return sum(
        storage.read(item, begin, min(begin + REQUEST_BYTES, end)).to_bytes().count(b"\n")
        for begin in range(0, end, REQUEST_BYTES)
    )
