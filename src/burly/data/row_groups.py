"""What Arrow sees of a Parquet file: an object that can be read in places.

Column chunks are read front to back, each through a window with the next one already on its way,
so that a row group of any size needs little memory beside the rows it becomes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from io import SEEK_CUR, SEEK_END, SEEK_SET

from burly.data.shards import DataObject
from burly.data.storage import Storage

Range = tuple[int, int]
Ask = Callable[[int, int], "Future[memoryview]"]
_GAP_BYTES = 256 << 10
"""Ranges with less between them are fetched by one request."""


def coalesced(ranges: Sequence[Range]) -> list[Range]:
    """Join ranges that (nearly) touch."""
    joined: list[Range] = []
    for begin, end in sorted(ranges):
        if joined and begin - joined[-1][1] <= _GAP_BYTES:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return joined


class Loaded:
    """Ranges of an object that are in memory already.

    Parameters
    ----------
    storage : Storage
    item : DataObject
    ranges : sequence of (int, int)
        What will be asked for.
    """

    def __init__(self, storage: Storage, item: DataObject, ranges: Sequence[Range]) -> None:
        self._ranges = coalesced(ranges)
        tasks = [storage.read_soon(item, begin, end) for begin, end in self._ranges]
        self._bytes = [task.result() for task in tasks]

    def ask(self, begin: int, end: int) -> Future[memoryview]:
        """Return bytes that were asked for before."""
        at = bisect_right(self._ranges, (begin, 1 << 63)) - 1
        start = self._ranges[at][0]
        answer: Future[memoryview] = Future()
        answer.set_result(self._bytes[at][begin - start : end - start])
        return answer


class _ChunkStream:
    """One column chunk, front to back, with one window ahead."""

    def __init__(self, ask: Ask, chunk: Range, window_bytes: int) -> None:
        self._ask = ask
        self._end = chunk[1]
        self._window_bytes = window_bytes
        self._bytes = memoryview(b"")
        self._begin = self._asked = chunk[0]
        self._next: Future[memoryview] | None = self._ask_next()

    def read(self, begin: int, end: int) -> memoryview:
        pieces = []
        while begin < end:
            if self._begin + len(self._bytes) <= begin:
                self._advance()
                continue
            piece = self._bytes[begin - self._begin : end - self._begin]
            pieces.append(piece)
            begin += len(piece)
        self._bytes, self._begin = self._bytes[begin - self._begin :], begin
        return pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))

    def _advance(self) -> None:
        """Go on to the next window."""
        self._begin += len(self._bytes)
        arriving = self._next or self._ask_next()
        self._bytes = arriving.result()
        self._next = self._ask_next() if self._asked < self._end else None

    def _ask_next(self) -> Future[memoryview]:
        begin, self._asked = self._asked, min(self._asked + self._window_bytes, self._end)
        return self._ask(begin, self._asked)


class ColumnChunks:
    """A file of which Arrow reads some column chunks, each front to back.

    Parameters
    ----------
    size : int
        Bytes of the whole file.
    chunks : sequence of (int, int)
        The column chunks that will be read.
    ask : callable
        Returns a future of the bytes of a range.
    window_bytes : int
        How much of a chunk is asked for at once.
    """

    closed = False

    def __init__(self, size: int, chunks: Sequence[Range], ask: Ask, window_bytes: int) -> None:
        self._size = size
        self._at = 0
        self._begins = sorted(begin for begin, _ in chunks)
        self._streams = [_ChunkStream(ask, chunk, window_bytes) for chunk in sorted(chunks)]
        self._ends = [end for _, end in sorted(chunks)]

    def read(self, n_bytes: int) -> memoryview:
        """Read at the current place; ends with the chunk."""
        which = bisect_right(self._begins, self._at) - 1
        begin, end = self._at, min(self._at + n_bytes, self._ends[which])
        self._at = end
        return self._streams[which].read(begin, end)

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Go to a place."""
        base = {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Return the current place."""
        return self._at

    def close(self) -> None:
        """Nothing to close."""
