"""The scripts and streams of one run over one connection; every script checks the run first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from burly.exceptions import RunAbortedError, RunGoneError, SupersededError
from burly.state import valkey_scripts as scripts
from burly.state.address import Location, RunAddress
from burly.state.frames import Frame, FrameCodec
from burly.state.store import Traffic
from burly.state.valkey_connection import NO_SCRIPT, ValkeyConnection
from burly.state.wire import Opening, RefusedError

BLOCK_S = 5.0
"""The longest time for which the server is asked to hold a read."""

Entries = Mapping[str, Sequence[tuple[str, Sequence[Frame]]]]
"""By the name of a stream: the id and the fields of each entry."""


class ValkeyRun:
    """One run in a Valkey or Redis server, as one handle on it sees it.

    Parameters
    ----------
    address : RunAddress
    codec : FrameCodec
        Reads why a run was ended.
    traffic : Traffic

    Attributes
    ----------
    connection : ValkeyConnection
    """

    def __init__(self, address: RunAddress, codec: FrameCodec, traffic: Traffic) -> None:
        self.connection = ValkeyConnection(
            Location.parse(address.url),
            traffic=traffic,
            patience_s=address.patience_s,
            longest_wait_s=BLOCK_S,
        )
        self._address = address
        self._codec = codec
        self._keys = keys_of(address, address.leg)
        self.become("", 0)

    def become(self, rank: int | str, attempt: int) -> None:
        """Say who asks, as every script is told it; without a rank, the client."""
        self._identity = (rank, attempt)
        self._openings: dict[str, Opening] = {}

    def read(self, timeout_s: float, streams: Callable[[], Mapping[str, str]]) -> Iterator[Entries]:
        """Yield what blocking reads of some streams return, until the time is over.

        A read that returns nothing, or that lost its connection, is followed by a look at the run
        key: reading a stream that is gone just blocks.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            remaining_s = deadline - time.monotonic()
            wanted = streams()
            block_ms = max(1, round(1000 * min(remaining_s, BLOCK_S)))
            reply = self.connection.call(
                "XREAD",
                "BLOCK",
                block_ms,
                "STREAMS",
                *(self._key(name) for name in wanted),
                *wanted.values(),
                after_reconnect=lambda: self.ask(scripts.CHECK),
            )
            if reply is None:
                self.ask(scripts.CHECK)
            else:
                names = {self._key(name).encode(): name for name in wanted}
                entries = {
                    names[key]: [(entry_id.decode(), fields) for entry_id, fields in rows]
                    for key, rows in reply
                }
                for _, fields in entries.get("states", ()):
                    if fields[0] == b"abort":
                        self._raise_aborted(fields[1])
                yield entries
            if time.monotonic() >= deadline:
                return

    def ask(self, script: scripts.Script, *arguments: Any, quiet: bool = False) -> list[Any]:
        """Run a script behind the fence; ``quiet``: a run that has ended already is no error."""
        try:
            reply: list[Any] = self.connection.call(*arguments, opening=self._opening(script))
        except RefusedError:  # the server has forgotten the script
            whole = self._begin("EVAL", script.source)
            reply = self.connection.call(*arguments, opening=whole)
        if quiet:
            return reply
        match reply[0]:
            case b"gone":
                raise RunGoneError(
                    f"run {self._address.run_id} is not in the state store: it was finished or "
                    "cancelled, it expired, or the store was restarted empty"
                )
            case b"aborted":
                self._raise_aborted(reply[1])
            case b"superseded":
                rank, attempt = self._identity
                raise SupersededError(
                    f"attempt {attempt} of rank {rank} was superseded by attempt {int(reply[1])}"
                )
        return reply

    def tell(self, script: scripts.Script, *arguments: Any) -> None:
        """Have a script run whose answer nobody waits for; one that is refused is told of the next time."""
        refused = self.connection.refusal()
        has_forgotten = refused is not None and refused.code == NO_SCRIPT
        opening = self._begin("EVAL", script.source) if has_forgotten else self._opening(script)
        self.connection.post(*arguments, opening=opening)

    def _raise_aborted(self, frame: Frame) -> None:
        raise RunAbortedError(self._codec.decode_record(frame, "abort")["reason"])

    def _opening(self, script: scripts.Script) -> Opening:
        if script.sha not in self._openings:
            self._openings[script.sha] = self._begin("EVALSHA", script.sha)
        return self._openings[script.sha]

    def _begin(self, command: str, what: str) -> Opening:
        keys = self._keys
        return Opening.of(command, what, len(keys), *keys, self._address.leg, *self._identity)

    def _key(self, name: str) -> str:
        return self._keys[scripts.KEYS.index(name)]


def keys_of(address: RunAddress, leg: int) -> tuple[str, ...]:
    """Return the keys of a run, with one hash tag: in a cluster they live on one node."""
    prefix = f"burly:{{{address.run_id}}}"
    return tuple(
        f"{prefix}:{name}" if name == "run" else f"{prefix}:{leg}:{name}" for name in scripts.KEYS
    )
