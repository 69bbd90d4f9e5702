"""A state store on Valkey or Redis: at most two round trips per round, and three commands per worker.

Contributing and publishing are one script each (`burly.state.valkey_scripts`), which the server
runs as one step; waiting is one blocking read of the stream of states. Everything that is sent may
arrive twice, and is harmless then.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from burly.events import Event
from burly.exceptions import (
    ConfigurationError,
    FrameError,
    RoundTooLargeError,
)
from burly.state import valkey_scripts as scripts
from burly.state.address import RunAddress
from burly.state.frames import Frame, FrameCodec, decode_events, encode_events, mark_of
from burly.state.store import (
    Answer,
    Behind,
    Complete,
    ContributionMessage,
    Gathered,
    Newer,
    Outcome,
    Pending,
    StateMessage,
    StateStore,
)
from burly.state.unchanged_arrays import Carrier, completed
from burly.state.valkey_connection import read_info
from burly.state.valkey_run import Entries, ValkeyRun, keys_of

GATHER_BYTES = 1 << 15
"""All ranks get the contributions of a round that weigh so much together at most, and make its state."""
GATHER_RANKS = 8
"""And no more ranks than this: what each reads grows with them."""

_LARGE_BYTES = 1 << 20
"""Contributions that weigh less together are read by one thread."""
_BEFORE_ABORT_ID = "18446744073709551615-18446744073709551614"
_HINT = "set its maxmemory-policy to noeviction (on ElastiCache, in the parameter group)"


class ValkeyStateStore(StateStore):
    """A handle on a run in a Valkey or Redis server. It belongs to one thread at a time.

    Parameters
    ----------
    address : RunAddress
    n_threads : int, default=1
        How many threads may read the contributions of a large round.
    """

    def __init__(self, address: RunAddress, n_threads: int = 1) -> None:
        super().__init__()
        self._address = address
        self._n_threads = n_threads
        self._codec = FrameCodec(address.run_id, address.secret, address.leg)
        self._server = ValkeyRun(address, self._codec, self.traffic)
        self._carrier = Carrier()
        self._index: bytes | None = None
        self._gather_bytes = GATHER_BYTES if address.world_size <= GATHER_RANKS else 0
        self._contributed: ContributionMessage | None = None
        self._events_read: str | None = None
        self._departures_read = "0-0"
        self._departed: set[int] = set()
        self._news: list[Event] = []

    # --- the client -----------------------------------------------------------------------------
    def open(self, first: StateMessage) -> None:
        """Write the run key and the first state.

        Raises
        ------
        burly.exceptions.ConfigurationError
            If the server may evict keys that have a time to live.
        """
        info = read_info(self._server.connection)
        if info.may_evict:
            raise ConfigurationError(
                f"the state store may drop the states of a run: {info.software} {info.version} has "
                f"maxmemory-policy {info.maxmemory_policy}; {_HINT}"
            )
        address = self._address
        frame = self._encode(first)
        for script in scripts.ALL:
            self._server.connection.call("SCRIPT", "LOAD", script.source)
        self._server.ask(
            scripts.OPEN,
            address.world_size,
            address.memory,
            round(address.ttl_s * 1000),
            max(1, round(address.lease_s * 1000)),
            first.round,
            frame,
            mark_of(frame),
        )
        self._events_read = "0-0"

    def abort(self, reason: str) -> None:
        self._server.ask(
            scripts.ABORT, self._codec.encode_record("abort", reason=reason), quiet=True
        )

    def departures(self, timeout_s: float) -> Sequence[tuple[int, Sequence[Event]]]:
        left: list[tuple[int, Sequence[Event]]] = []
        for entries in self._server.read(
            timeout_s,
            lambda: {
                "states": _BEFORE_ABORT_ID,
                "departures": self._departures_read,
                "telemetry": self._events_read or "0-0",
            },
        ):
            self._hear(entries)
            for entry_id, fields in entries.get("departures", ()):
                self._departures_read = entry_id
                record = self._codec.decode_record(fields[1], "departure")
                if record["rank"] not in self._departed:
                    self._departed.add(record["rank"])
                    left.append((record["rank"], decode_events(record["events"])))
            if left:
                break
        return left

    def news(self) -> Sequence[Event]:
        events, self._news = self._news, []
        return events

    def clear(self) -> None:
        keys = {key for leg in range(self._address.leg + 1) for key in keys_of(self._address, leg)}
        self._server.connection.call("DEL", *sorted(keys))

    # --- a rank ---------------------------------------------------------------------------------
    def join(self, rank: int, attempt: int, telemetry: Sequence[Event] = ()) -> None:
        self._server.become(rank, attempt)
        self._server.ask(scripts.JOIN, self._telemetry(telemetry))

    def contribute(self, message: ContributionMessage) -> Answer:
        return self._answer(message, self._contribute(message))

    def remind(self, message: ContributionMessage) -> Answer:
        reply = self._ask(message, b"", b"")
        if reply[0] == b"absent":
            reply = self._contribute(message)
        return self._answer(message, reply)

    def publish(self, message: StateMessage) -> StateMessage:
        message = self._carrying(message)
        frame = self._encode(message)
        reply = self._server.ask(scripts.PUBLISH, *self._publication(message, frame))
        if reply[0] == b"unnamed":
            # A failover lost the entries that hold what did not change.
            message = replace(message, carried={})
            frame = self._encode(message)
            reply = self._server.ask(scripts.PUBLISH, *self._publication(message, frame))
        if reply[0] == b"state":
            return self._newest(reply)
        self._carrier.stored(message, mark_of(frame))
        return message

    def post(self, message: StateMessage) -> StateMessage:
        message = self._carrying(message)
        frame = self._encode(message)
        self._server.tell(scripts.PUBLISH, *self._publication(message, frame))
        self._carrier.stored(message, mark_of(frame))
        return message

    def leave(self, rank: int, telemetry: Sequence[Event]) -> None:
        frame = self._codec.encode_record("departure", rank=rank, events=encode_events(telemetry))
        self._server.ask(scripts.LEAVE, frame)

    def outcome(self, round: int, timeout_s: float) -> Outcome | None:  # noqa: A002
        own = self._contributed
        if not self._gather_bytes or own is None or own.round != round - 1:
            return self.wait(round, timeout_s)
        after = {"states": f"{round - 1}-0", "gathered": f"{round - 2}-0"}
        for entries in self._server.read(timeout_s, lambda: after):
            if states := entries.get("states"):
                return self._newest_of(states)
            for entry_id, fields in entries.get("gathered", ()):
                if entry_id == f"{own.round}-0":
                    return Gathered(self._all(own.round, fields, own))
        return None

    def adopt(self, message: StateMessage) -> None:
        self._carrier.made(message)

    # --- both -----------------------------------------------------------------------------------
    def wait(self, round: int, timeout_s: float) -> StateMessage | None:  # noqa: A002
        after = f"{round - 1}-0"
        is_client = self._events_read is not None

        def wanted() -> dict[str, str]:
            return {"states": after} | ({"telemetry": self._events_read or ""} if is_client else {})

        for entries in self._server.read(timeout_s, wanted):
            self._hear(entries)
            if states := entries.get("states"):
                newest = self._newest_of(states)
                return replace(newest, telemetry=tuple(self.news())) if self._news else newest
        return None

    def latest(self, count: int) -> Sequence[StateMessage]:
        reply = self._server.ask(scripts.LATEST)
        begun = time.perf_counter()
        entries = {
            int(entry_id.partition(b"-")[0]): frame
            for entry_id, frame in zip(reply[1::2], reply[2::2], strict=True)
        }
        decoded = {
            number: self._codec.decode_state(frame, round=number)
            for number, frame in entries.items()
        }
        messages = []
        for number in sorted(decoded)[-count:]:
            message = decoded[number]
            try:
                arrays = {n: decoded[r].state.arrays[n] for n, r in message.carried.items()}
            except KeyError as error:
                raise FrameError(
                    f"state {number} names an array that the store does not have: {error}"
                ) from error
            messages.append(completed(message, arrays))
            self._carrier.stored(messages[-1], mark_of(entries[number]))
        self.traffic.decode_s += time.perf_counter() - begun
        return messages

    def close(self) -> None:
        self._server.connection.close()

    # --- how ------------------------------------------------------------------------------------
    def _hear(self, entries: Entries) -> None:
        for entry_id, fields in entries.get("telemetry", ()):
            self._events_read = entry_id
            record = self._codec.decode_record(fields[1], "telemetry")
            self._news += decode_events(record["events"])

    def _contribute(self, message: ContributionMessage) -> list[Any]:
        frame = self._codec.encode_contribution(message)
        self._contributed = message
        return self._ask(message, frame, self._telemetry(message.telemetry))

    def _ask(self, message: ContributionMessage, frame: bytes, events: bytes) -> list[Any]:
        return self._server.ask(
            scripts.CONTRIBUTE, message.round, frame, self._gather_bytes, events
        )

    def _answer(self, message: ContributionMessage, reply: list[Any]) -> Answer:
        match reply[0]:
            case b"pending":
                return Pending()
            case b"behind":
                return Behind()
            case b"state":
                return Newer(self._newest(reply))
        self._index = reply[2]
        # A round that is asked for again comes with what this rank, or an earlier one, contributed.
        is_whole = len(reply[1]) == 2 * self._address.world_size
        messages = self._all(message.round, reply[1], None if is_whole else message)
        return (
            Gathered(messages, reply[3] / 1000) if reply[0] == b"gathered" else Complete(messages)
        )

    def _all(
        self,
        number: int,
        fields: Sequence[Any],
        own: ContributionMessage | None,
    ) -> Sequence[ContributionMessage]:
        """Return the contributions of all ranks, from ranks and frames in turn, and this rank's own."""
        begun = time.perf_counter()
        messages = {} if own is None else {own.rank: own}
        frames = dict(zip(map(int, fields[::2]), fields[1::2], strict=True))
        missing = [(rank, frame) for rank, frame in frames.items() if rank not in messages]
        messages.update((message.rank, message) for message in self._decode(number, missing))
        self.traffic.decode_s += time.perf_counter() - begun
        ordered = [messages[rank] for rank in sorted(messages)]
        if len(ordered) != self._address.world_size:
            raise FrameError(
                f"round {number} is called complete with the contributions of ranks "
                f"{sorted(messages)}, and there are {self._address.world_size}"
            )
        return ordered

    def _decode(
        self, number: int, frames: Sequence[tuple[int, Frame]]
    ) -> Iterable[ContributionMessage]:
        def decode(item: tuple[int, Frame]) -> ContributionMessage:
            rank, frame = item
            return self._codec.decode_contribution(frame, round=number, rank=rank)

        # Checking the tags takes the longest of all, and Python lets go of its lock for it.
        if self._n_threads == 1 or sum(len(frame) for _, frame in frames) < _LARGE_BYTES:
            return map(decode, frames)
        with ThreadPoolExecutor(min(self._n_threads, len(frames))) as threads:
            return list(threads.map(decode, frames))

    def _carrying(self, message: StateMessage) -> StateMessage:
        """Leave out the arrays that the store had when this handle last contributed."""
        present = None if self._index is None else dict(map(_entry, self._index.split()))
        return replace(message, carried=self._carrier.left_out(message.state, present))

    def _publication(self, message: StateMessage, frame: bytes) -> tuple[Any, ...]:
        named = ",".join(str(number) for number in sorted(set(message.carried.values())))
        base = self._carrier.base if named else ""
        return message.round, frame, mark_of(frame), named, base

    def _telemetry(self, events: Sequence[Event]) -> bytes:
        if not events:
            return b""
        return self._codec.encode_record("telemetry", events=encode_events(events))

    def _encode(self, message: StateMessage) -> bytes:
        frame = self._codec.encode_state(message)
        limit = self.round_limit_bytes
        if limit is not None and len(frame) > limit:
            raise RoundTooLargeError(
                f"state {message.round} has {len(frame):,} bytes; at most {limit:,} are allowed: "
                "use a smaller model"
            )
        return frame

    def _newest_of(self, states: Sequence[tuple[str, Sequence[Frame]]]) -> StateMessage:
        entry_id, fields = states[-1]
        return self._state(int(entry_id.partition("-")[0]), fields[1])

    def _newest(self, reply: list[Any]) -> StateMessage:
        return self._state(int(reply[1]), reply[2])

    def _state(self, number: int, frame: Frame) -> StateMessage:
        """Decode a state; what it leaves out is known from earlier ones, or fetched."""
        begun = time.perf_counter()
        message = self._carrier.complete(self._codec.decode_state(frame, round=number))
        if message is None:
            return self.latest(1)[-1]
        self._carrier.stored(message, mark_of(frame))
        self.traffic.decode_s += time.perf_counter() - begun
        return message


def _entry(text: bytes) -> tuple[int, str]:
    """Return round and mark of an entry of the index."""
    number, _, mark = text.partition(b":")[0].decode().partition("=")
    return int(number), mark
