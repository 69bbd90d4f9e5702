"""What travels through a state store: a header in JSON, arrays as raw little-endian bytes, a tag.

::

    offset  bytes     what
    0       4         magic, "brly"
    4       2         version of this format
    6       2         zero
    8       4         length of the header, n
    12      n         header, JSON in UTF-8, padded with spaces
    12 + n  ...       the arrays in the header's order, each padded with zeros to 16 bytes
    -32     32        BLAKE2b over everything before it, keyed with the run's secret

There is no pickle. The header repeats where the frame belongs (run, leg, round, rank), so that a
frame that is genuine but in the wrong place is refused like a forged one. Arrays are decoded as
read-only views into the frame; numbers in the header are little-endian too.
"""

from __future__ import annotations

import hmac
import json
import math
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from hashlib import blake2b
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from burly.contributions import Part, Reducer
from burly.events import Event
from burly.exceptions import FrameError
from burly.state.store import ContributionMessage, StateMessage
from burly.states import NUMERICS_VERSION, State

FORMAT_VERSION = 1

_MAGIC = b"brly"
_PREFIX = struct.Struct("<4sHHI")
_TAG_BYTES = 32
_ALIGNMENT = 16
_PADDING = bytes(_ALIGNMENT)
_PERSON = b"burly frame"
_REDUCERS = {reducer.value: reducer for reducer in Reducer}
_PLAIN = frozenset(map(np.dtype, ("<i8", "<f8", "<f4", "<i4"))) if sys.byteorder == "little" else ()
_KINDS_OF_DTYPE = frozenset("biufSUMm")
_EVENT_TYPES: tuple[type[Any], ...] = get_args(Event)
_EVENT_NUMBERS = {event_type: number for number, event_type in enumerate(_EVENT_TYPES)}
_EVENT_FIELDS = {
    event_type: tuple(f.name for f in fields(event_type)) for event_type in _EVENT_TYPES
}

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode

Array = NDArray[Any]
Header = dict[str, Any]
Frame = bytes | memoryview


class FrameCodec:
    """Encodes and decodes the frames of one leg of a run.

    Parameters
    ----------
    run_id : str
    secret : bytes
        The run's own key, 16 to 64 bytes.
    leg : int
    """

    def __init__(self, run_id: str, secret: bytes, leg: int = 0) -> None:
        self._place: Header = {"run": run_id, "leg": leg, "numerics": NUMERICS_VERSION}
        self._leg = leg
        self._secret = secret

    # --- contributions --------------------------------------------------------------------------
    def encode_contribution(self, message: ContributionMessage) -> bytes:
        """Return the frame of a contribution."""
        names = list(message.contribution)
        parts = [message.contribution[name] for name in names]
        arrays = [_as_stored(name, part.array) for name, part in message.contribution.items()]
        header = {
            "round": message.round,
            "rank": message.rank,
            "attempt": message.attempt,
            "parts": [
                [name, part.reducer.value, part.limit, _dtype_text(array.dtype), array.shape]
                for name, part, array in zip(names, parts, arrays, strict=True)
            ],
            "events": encode_events(message.telemetry),
        }
        return self._seal("contribution", header, arrays)

    def decode_contribution(
        self,
        frame: Frame,
        *,
        round: int,  # noqa: A002
        rank: int,
    ) -> ContributionMessage:
        """Return the contribution in a frame, which has to belong to a round and a rank."""
        header, body = self._unseal(frame, "contribution", round=round, rank=rank)
        try:
            specs = [(dtype, shape) for _, _, _, dtype, shape in header["parts"]]
            arrays = body.arrays(specs)
            contribution = {
                name: Part(_REDUCERS[reducer], array, limit)
                for (name, reducer, limit, _, _), array in zip(header["parts"], arrays, strict=True)
            }
            events = decode_events(header["events"])
            return ContributionMessage(
                self._leg, round, rank, header["attempt"], contribution, events
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FrameError(f"a contribution's header makes no sense: {error}") from error

    # --- states ---------------------------------------------------------------------------------
    def encode_state(self, message: StateMessage) -> bytes:
        """Return the frame of a state, without the arrays that it carries over."""
        sent = {
            name: _as_stored(name, array)
            for name, array in message.state.arrays.items()
            if name not in message.carried
        }
        header = {
            "round": message.round,
            "phase": message.state.phase,
            "done": message.state.done,
            "figures": dict(message.state.figures),
            "arrays": [
                [name, _dtype_text(sent[name].dtype), sent[name].shape]
                if name in sent
                else [name, message.carried[name]]
                for name in message.state.arrays
            ],
        }
        return self._seal("state", header, list(sent.values()))

    def decode_state(self, frame: Frame, *, round: int) -> StateMessage:  # noqa: A002
        """Return the state in a frame; the arrays named in its ``carried`` are yet missing.

        Telemetry does not travel with states: see `encode_record`.
        """
        header, body = self._unseal(frame, "state", round=round)
        try:
            sent = [spec for spec in header["arrays"] if len(spec) == 3]
            carried = {spec[0]: int(spec[1]) for spec in header["arrays"] if len(spec) == 2}
            arrays = body.arrays([(dtype, shape) for _, dtype, shape in sent])
            state = State(
                phase=header["phase"],
                arrays={spec[0]: array for spec, array in zip(sent, arrays, strict=True)},
                done=header["done"],
                figures=header["figures"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FrameError(f"a state's header makes no sense: {error}") from error
        return StateMessage(self._leg, round, state, carried)

    # --- everything without arrays --------------------------------------------------------------
    def encode_record(self, kind: str, **values: Any) -> bytes:
        """Return a frame without arrays: an abort, a departure, or telemetry."""
        return self._seal(kind, values, [])

    def decode_record(self, frame: Frame, kind: str) -> Header:
        """Return the values that `encode_record` was given."""
        header, body = self._unseal(frame, kind)
        body.arrays([])
        return header

    # --- the envelope ---------------------------------------------------------------------------
    def _seal(self, kind: str, header: Header, arrays: Sequence[Array]) -> bytes:
        text = _ENCODE({"kind": kind, **self._place, **header}).encode()
        text += b" " * (-(_PREFIX.size + len(text)) % _ALIGNMENT)
        pieces: list[bytes | memoryview] = [
            _PREFIX.pack(_MAGIC, FORMAT_VERSION, 0, len(text)),
            text,
        ]
        for array in arrays:
            # There are no buffers of times: they are numbers of 64 bits.
            pieces.append((array.view(np.int64) if array.dtype.kind in "Mm" else array).data)
            pieces.append(_PADDING[: -array.nbytes % _ALIGNMENT])
        digest = blake2b(key=self._secret, digest_size=_TAG_BYTES, person=_PERSON)
        for piece in pieces:
            digest.update(piece)
        pieces.append(digest.digest())
        return b"".join(pieces)

    def _unseal(self, frame: Frame, kind: str, **expected: int) -> tuple[Header, _Body]:
        if len(frame) < _PREFIX.size + _TAG_BYTES:
            raise FrameError(f"a frame of {len(frame)} bytes is too short to be one")
        magic, version, _, length = _PREFIX.unpack_from(frame)
        if magic != _MAGIC:
            raise FrameError("this is no frame of burly's: another program uses the same keys")
        if version != FORMAT_VERSION:
            raise FrameError(
                f"a frame has format {version}, this burly reads {FORMAT_VERSION}: "
                "use one version of burly in the client and in all functions"
            )
        content = memoryview(frame)[:-_TAG_BYTES]
        digest = blake2b(content, key=self._secret, digest_size=_TAG_BYTES, person=_PERSON)
        if not hmac.compare_digest(digest.digest(), frame[-_TAG_BYTES:]):
            raise FrameError(
                f"the tag of a frame ({kind}) is wrong: it was changed, or belongs to another run"
            )
        start = _PREFIX.size + length
        try:
            header = json.loads(bytes(content[_PREFIX.size : start]))
        except ValueError as error:
            raise FrameError(f"a frame's header cannot be read: {error}") from error
        for name, value in {"kind": kind, **self._place, **expected}.items():
            if header.get(name) != value:
                raise FrameError(
                    f"a frame is out of place: its {name} is {header.get(name)!r}, not {value!r}"
                )
        return header, _Body(frame, start, len(content))


class _Body:
    """The arrays of a frame."""

    def __init__(self, frame: Frame, start: int, stop: int) -> None:
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
            offset += n_bytes + -n_bytes % _ALIGNMENT
        if offset != self._stop:
            raise FrameError(f"a frame has {self._stop - offset} bytes that belong to no array")
        return arrays


def encode_events(events: Sequence[Event]) -> list[list[Any]]:
    """Return events as lists: the number of the type, then the fields in order."""
    return [
        [
            _EVENT_NUMBERS[type(event)],
            *(_compact(name, getattr(event, name)) for name in _EVENT_FIELDS[type(event)]),
        ]
        for event in events
    ]


def decode_events(rows: Sequence[Sequence[Any]]) -> tuple[Event, ...]:
    """Return the events that `encode_events` was given."""
    try:
        return tuple(_EVENT_TYPES[number](*values) for number, *values in rows)
    except (IndexError, TypeError, ValueError) as error:
        raise FrameError(f"telemetry cannot be read: {error}") from error


def _compact(name: str, value: Any) -> Any:
    """Cut times to the digits that a clock has."""
    if isinstance(value, float) and (name == "at" or name.endswith("_s")):
        return round(value, 7)
    return dict(value) if isinstance(value, Mapping) else value


def _as_stored(name: str, array: Array) -> Array:
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
def _dtype_text(dtype: np.dtype[Any]) -> str:
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
