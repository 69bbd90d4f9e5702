"""What travels through a state store: a header in JSON, arrays as raw little-endian bytes, a tag.

::

    offset  bytes     what
    0       4         magic, "brly"
    4       2         version of this format
    6       2         zero
    8       4         length of the header, n
    12      8         round; with a record, 0
    20      4         rank; with a state or a record, 0
    24      4         attempt, likewise
    28      4         zero
    32      n         header, JSON in UTF-8, padded with spaces
    32 + n  ...       the arrays in the header's order, each padded with zeros to 16 bytes
    -32     32        BLAKE2b over everything before it, keyed with the run's secret

There is no pickle. The frame repeats where it belongs (run, leg, round, rank), so that one that is
genuine but in the wrong place is refused like a forged one. The header of a contribution is the same
round after round, and so it is written and read once. Arrays are decoded as
read-only views into the frame; numbers in the header are little-endian too.
"""

from __future__ import annotations

import hmac
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from hashlib import blake2b
from typing import Any, get_args

from numpy.typing import NDArray

from burly.contributions import Part, Reducer
from burly.events import Event
from burly.exceptions import FrameError
from burly.state.layouts import ALIGNMENT, Layout, as_stored, describe, pieces_of
from burly.state.store import ContributionMessage, StateMessage
from burly.states import NUMERICS_VERSION, State

FORMAT_VERSION = 1

_MAGIC = b"brly"
_PREFIX = struct.Struct("<4sHHIqii4x")
_REMEMBERED_BYTES = 4096
"""A header that is no longer than this may be kept."""
_TAG_BYTES = 32
_PERSON = b"burly frame"
_REDUCERS = {reducer.value: reducer for reducer in Reducer}
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
        parts = message.contribution.items()
        arrays = [as_stored(name, part.array) for name, part in parts]
        entries = tuple(
            ((name, part.reducer.value, part.limit), array.dtype, array.shape)
            for (name, part), array in zip(parts, arrays, strict=True)
        )
        text = _described_text("contribution", tuple(self._place.items()), describe(entries))
        return self._seal(text, arrays, message.round, message.rank, message.attempt)

    def decode_contribution(
        self,
        frame: Frame,
        *,
        round: int,  # noqa: A002
        rank: int,
    ) -> ContributionMessage:
        """Return the contribution in a frame, which has to belong to a round and a rank.

        Telemetry does not travel with contributions: see `encode_record`.
        """
        header, attempt, body = self._unseal(frame, "contribution", round=round, rank=rank)
        try:
            layout = Layout.of(header["arrays"])
            contribution = {
                name: Part(_REDUCERS[reducer], array, limit)
                for ((name, reducer, limit), *_), array in zip(
                    layout.held, layout.views(frame, *body), strict=True
                )
            }
            return ContributionMessage(self._leg, round, rank, attempt, contribution)
        except (KeyError, TypeError, ValueError) as error:
            raise FrameError(f"a contribution's header makes no sense: {error}") from error

    # --- states ---------------------------------------------------------------------------------
    def encode_state(self, message: StateMessage) -> bytes:
        """Return the frame of a state, without the arrays that it carries over."""
        sent = {
            name: as_stored(name, array)
            for name, array in message.state.arrays.items()
            if name not in message.carried
        }
        entries = tuple(
            ((name,), sent[name].dtype, sent[name].shape)
            if name in sent
            else ((name, message.carried[name]), None, ())
            for name in message.state.arrays
        )
        header = {
            "phase": message.state.phase,
            "done": message.state.done,
            "figures": dict(message.state.figures),
            "arrays": describe(entries),
        }
        return self._seal(self._text("state", header), list(sent.values()), message.round)

    def decode_state(self, frame: Frame, *, round: int) -> StateMessage:  # noqa: A002
        """Return the state in a frame; the arrays named in its ``carried`` are yet missing."""
        header, _, body = self._unseal(frame, "state", round=round)
        try:
            layout = Layout.of(header["arrays"])
            carried = {name: int(number) for name, number in layout.elsewhere}
            arrays = layout.views(frame, *body)
            state = State(
                phase=header["phase"],
                arrays={
                    name: array for ((name,), *_), array in zip(layout.held, arrays, strict=True)
                },
                done=header["done"],
                figures=header["figures"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FrameError(f"a state's header makes no sense: {error}") from error
        return StateMessage(self._leg, round, state, carried)

    # --- everything without arrays --------------------------------------------------------------
    def encode_record(self, kind: str, **values: Any) -> bytes:
        """Return a frame without arrays: an abort, a departure, or telemetry."""
        return self._seal(self._text(kind, values))

    def decode_record(self, frame: Frame, kind: str) -> Header:
        """Return the values that `encode_record` was given."""
        header, _, (start, stop) = self._unseal(frame, kind)
        if start != stop:
            raise FrameError(f"a frame ({kind}) has {stop - start} bytes that belong to no array")
        return header

    # --- the envelope ---------------------------------------------------------------------------
    def _text(self, kind: str, header: Header) -> bytes:
        return _padded({"kind": kind, **self._place, **header})

    def _seal(
        self,
        text: bytes,
        arrays: Sequence[Array] = (),
        round: int = 0,  # noqa: A002
        rank: int = 0,
        attempt: int = 0,
    ) -> bytes:
        prefix = _PREFIX.pack(_MAGIC, FORMAT_VERSION, 0, len(text), round, rank, attempt)
        pieces = [prefix, text, *pieces_of(arrays)]
        digest = blake2b(key=self._secret, digest_size=_TAG_BYTES, person=_PERSON)
        for piece in pieces:
            digest.update(piece)
        pieces.append(digest.digest())
        return b"".join(pieces)

    def _unseal(
        self,
        frame: Frame,
        kind: str,
        *,
        round: int = 0,  # noqa: A002
        rank: int = 0,
    ) -> tuple[Header, int, tuple[int, int]]:
        """Return the header, the attempt, and where the arrays are."""
        if len(frame) < _PREFIX.size + _TAG_BYTES:
            raise FrameError(f"a frame of {len(frame)} bytes is too short to be one")
        magic, version, _, length, its_round, its_rank, attempt = _PREFIX.unpack_from(frame)
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
        text = bytes(content[_PREFIX.size : start])
        try:
            header = _remembered(text) if len(text) <= _REMEMBERED_BYTES else json.loads(text)
        except ValueError as error:
            raise FrameError(f"a frame's header cannot be read: {error}") from error
        for name, value in (("kind", kind), *self._place.items()):
            _check_place(name, header.get(name), value)
        _check_place("round", its_round, round)
        _check_place("rank", its_rank, rank)
        return header, attempt, (start, len(content))


def mark_of(frame: Frame) -> str:
    """Return what tells a frame from others: a few digits of its tag."""
    return bytes(frame[-4:]).hex()


def _padded(header: Header) -> bytes:
    text = _ENCODE(header).encode()
    return text + b" " * (-len(text) % ALIGNMENT)


@lru_cache(maxsize=64)
def _described_text(kind: str, place: tuple[tuple[str, Any], ...], arrays: str) -> bytes:
    return _padded({"kind": kind, **dict(place), "arrays": arrays})


@lru_cache(maxsize=64)
def _remembered(text: bytes) -> Header:
    header: Header = json.loads(text)
    return header


def _check_place(name: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise FrameError(f"a frame is out of place: its {name} is {found!r}, not {wanted!r}")


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
