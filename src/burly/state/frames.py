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
import struct
from collections.abc import Mapping, Sequence
from dataclasses import fields
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
_PREFIX = struct.Struct("<4sHHI")
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
        header = {
            "round": message.round,
            "rank": message.rank,
            "attempt": message.attempt,
            "arrays": describe(entries),
        }
        return self._seal("contribution", header, arrays)

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
        header, body = self._unseal(frame, "contribution", round=round, rank=rank)
        try:
            layout = Layout.of(header["arrays"])
            contribution = {
                name: Part(_REDUCERS[reducer], array, limit)
                for ((name, reducer, limit), *_), array in zip(
                    layout.held, layout.views(frame, *body), strict=True
                )
            }
            return ContributionMessage(self._leg, round, rank, header["attempt"], contribution)
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
            "round": message.round,
            "phase": message.state.phase,
            "done": message.state.done,
            "figures": dict(message.state.figures),
            "arrays": describe(entries),
        }
        return self._seal("state", header, list(sent.values()))

    def decode_state(self, frame: Frame, *, round: int) -> StateMessage:  # noqa: A002
        """Return the state in a frame; the arrays named in its ``carried`` are yet missing."""
        header, body = self._unseal(frame, "state", round=round)
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
        return self._seal(kind, values, [])

    def decode_record(self, frame: Frame, kind: str) -> Header:
        """Return the values that `encode_record` was given."""
        header, (start, stop) = self._unseal(frame, kind)
        if start != stop:
            raise FrameError(f"a frame ({kind}) has {stop - start} bytes that belong to no array")
        return header

    # --- the envelope ---------------------------------------------------------------------------
    def _seal(self, kind: str, header: Header, arrays: Sequence[Array]) -> bytes:
        text = _ENCODE({"kind": kind, **self._place, **header}).encode()
        text += b" " * (-(_PREFIX.size + len(text)) % ALIGNMENT)
        prefix = _PREFIX.pack(_MAGIC, FORMAT_VERSION, 0, len(text))
        pieces = [prefix, text, *pieces_of(arrays)]
        digest = blake2b(key=self._secret, digest_size=_TAG_BYTES, person=_PERSON)
        for piece in pieces:
            digest.update(piece)
        pieces.append(digest.digest())
        return b"".join(pieces)

    def _unseal(self, frame: Frame, kind: str, **expected: int) -> tuple[Header, tuple[int, int]]:
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
        return header, (start, len(content))


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
