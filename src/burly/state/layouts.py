"""The arrays of a frame: how a header describes them, and where they lie.

Numbers are little-endian, arrays C-contiguous, and each begins at a multiple of `ALIGNMENT` bytes.
Structured dtypes travel with names and offsets; objects do not travel.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.exceptions import FrameError

Array = NDArray[Any]

ALIGNMENT = 16
_PADDING = bytes(ALIGNMENT)
_PLAIN = frozenset(map(np.dtype, ("<i8", "<f8", "<f4", "<i4"))) if sys.byteorder == "little" else ()
_KINDS_OF_DTYPE = frozenset("biufSUMm")


def pieces_of(arrays: Sequence[Array]) -> Iterator[bytes | memoryview]:
    """Yield what lies in a frame for arrays that `as_stored` returned; nothing is copied."""
    for array in arrays:
        # There are no buffers of times: they are numbers of 64 bits.
        yield (array.view(np.int64) if array.dtype.kind in "Mm" else array).data
        yield _PADDING[: -array.nbytes % ALIGNMENT]


Entry = tuple[tuple[Any, ...], np.dtype[Any] | None, tuple[int, ...]]
"""What an array is called, its dtype and its shape; no dtype: it is not in this frame."""


@lru_cache(maxsize=64)
def describe(entries: tuple[Entry, ...]) -> str:
    """Return entries as text: a layout is the same round after round."""
    return json.dumps(
        [
            [called] if dtype is None else [called, _describe_dtype(dtype), shape]
            for called, dtype, shape in entries
        ],
        separators=(",", ":"),
    )


@dataclass(frozen=True, slots=True)
class Layout:
    """What `describe` was told.

    Attributes
    ----------
    held : sequence of (called, dtype, shape, offset)
        The arrays of the frame; offsets count from the first, and there is none without bytes.
    elsewhere : sequence of called
        The others.
    n_bytes : int
    """

    held: Sequence[tuple[Sequence[Any], np.dtype[Any], tuple[int, ...], int | None]]
    elsewhere: Sequence[Sequence[Any]]
    n_bytes: int

    @staticmethod
    @lru_cache(maxsize=64)
    def of(text: str) -> Layout:
        """Read a text that `describe` returned."""
        held, elsewhere, offset = [], [], 0
        for called, *array in json.loads(text):
            if not array:
                elsewhere.append(called)
                continue
            dtype, shape = _revive_dtype(array[0]), tuple(array[1])
            _check_dtype("an array", dtype)
            if min(shape, default=0) < 0:
                raise FrameError(f"an array cannot have the shape {shape}")
            n_bytes = dtype.itemsize * math.prod(shape)
            held.append((called, dtype, shape, offset if n_bytes else None))
            offset += n_bytes + -n_bytes % ALIGNMENT
        return Layout(held, elsewhere, offset)

    def views(self, frame: bytes | memoryview, start: int, stop: int) -> list[Array]:
        """Return read-only views of the arrays, which have to fill a frame between two offsets."""
        if self.n_bytes != stop - start:
            raise FrameError(
                f"the arrays of a frame have {self.n_bytes} bytes, and it has {stop - start} for them"
            )
        return [
            np.ndarray(shape, dtype, buffer=frame, offset=0 if offset is None else start + offset)
            for _, dtype, shape, offset in self.held
        ]


def as_stored(name: str, array: Array) -> Array:
    """Little-endian and C-contiguous; nothing is copied where it is so already."""
    if array.dtype in _PLAIN and array.flags.c_contiguous:
        return array
    array = np.asarray(array)
    return np.asarray(array, dtype=_stored_dtype(name, array.dtype), order="C")


@lru_cache(maxsize=64)
def _stored_dtype(name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    _check_dtype(name, dtype)
    return dtype.newbyteorder("<")


def _check_dtype(name: str, dtype: np.dtype[Any]) -> None:
    if dtype.subdtype is not None:
        _check_dtype(name, dtype.subdtype[0])
    elif dtype.fields is not None:
        for field in dtype.fields.values():
            _check_dtype(name, field[0])
    elif dtype.kind not in _KINDS_OF_DTYPE:
        raise FrameError(f"an array of dtype {dtype} cannot be sent: {name!r}")


def _describe_dtype(dtype: np.dtype[Any]) -> Any:
    if dtype.subdtype is not None:
        return [_describe_dtype(dtype.subdtype[0]), list(dtype.subdtype[1])]
    if dtype.fields is None:
        return dtype.str
    members = [(name, *dtype.fields[name][:2]) for name in dtype.names or ()]
    return {
        "names": [name for name, _, _ in members],
        "formats": [_describe_dtype(format_) for _, format_, _ in members],
        "offsets": [offset for _, _, offset in members],
        "itemsize": dtype.itemsize,
    }


def _revive_dtype(described: Any) -> np.dtype[Any]:
    if isinstance(described, dict):
        formats = [_revive_dtype(format_) for format_ in described["formats"]]
        described = {**described, "formats": formats}
    elif isinstance(described, list):
        described = (_revive_dtype(described[0]), tuple(described[1]))
    dtype: np.dtype[Any] = np.dtype(described)
    return dtype
