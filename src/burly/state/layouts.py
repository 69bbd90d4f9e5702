"""The arrays of a frame: how a header describes them, and where they lie.

Numbers are little-endian, arrays C-contiguous, and each begins at a multiple of `ALIGNMENT` bytes.
Structured dtypes travel with names and offsets; objects do not travel.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
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


class Body:
    """The arrays of a frame, which lie between two offsets."""

    def __init__(self, frame: bytes | memoryview, start: int, stop: int) -> None:
        self._frame = frame
        self._start = start
        self._stop = stop

    def arrays(self, specs: Sequence[tuple[str, Sequence[int]]]) -> list[Array]:
        """Return read-only views, one for each dtype and shape; they have to fill the frame."""
        arrays: list[Array] = []
        offset = self._start
        for text, lengths in specs:
            dtype, shape = _dtype(text), tuple(lengths)
            n_bytes = dtype.itemsize * math.prod(shape)
            if min(shape, default=0) < 0 or offset + n_bytes > self._stop:
                raise FrameError(f"an array of {dtype} and shape {shape} exceeds its frame")
            view: Array = np.ndarray(
                shape, dtype, buffer=self._frame, offset=offset if n_bytes else 0
            )
            arrays.append(view)
            offset += n_bytes + -n_bytes % ALIGNMENT
        if offset != self._stop:
            raise FrameError(f"a frame has {self._stop - offset} bytes that belong to no array")
        return arrays


def as_stored(name: str, array: Array) -> Array:
    """Little-endian and C-contiguous; nothing is copied where it is so already."""
    if array.dtype in _PLAIN and array.flags.c_contiguous:
        return array
    array = np.asarray(array)
    _check_dtype(name, array.dtype)
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _check_dtype(name: str, dtype: np.dtype[Any]) -> None:
    if dtype.subdtype is not None:
        _check_dtype(name, dtype.subdtype[0])
    elif dtype.fields is not None:
        for field in dtype.fields.values():
            _check_dtype(name, field[0])
    elif dtype.kind not in _KINDS_OF_DTYPE:
        raise FrameError(f"an array of dtype {dtype} cannot be sent: {name!r}")


@lru_cache(maxsize=256)
def dtype_text(dtype: np.dtype[Any]) -> str:
    """Return a dtype as text."""
    return json.dumps(_describe_dtype(dtype), separators=(",", ":"))


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


@lru_cache(maxsize=256)
def _dtype(text: str) -> np.dtype[Any]:
    dtype = _revive_dtype(json.loads(text))
    _check_dtype("an array", dtype)
    return dtype


def _revive_dtype(described: Any) -> np.dtype[Any]:
    if isinstance(described, dict):
        formats = [_revive_dtype(format_) for format_ in described["formats"]]
        described = {**described, "formats": formats}
    elif isinstance(described, list):
        described = (_revive_dtype(described[0]), tuple(described[1]))
    dtype: np.dtype[Any] = np.dtype(described)
    return dtype
