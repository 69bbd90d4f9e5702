"""One connection to a Valkey or Redis server: patient, counted, and with errors of ours."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from burly.exceptions import StateStoreError, StateStoreUnreachableError
from burly.state.address import Location
from burly.state.store import Traffic
from burly.state.wire import Opening, RefusedError, Wire

log = logging.getLogger(__name__)

ANSWER_S = 10.0
"""How long a server may take for an answer, beyond the time that a command asks it to wait."""
CONNECT_S = 5.0
"""How long a connection may take to come about."""

NO_SCRIPT = "NOSCRIPT"
_NO_PERMISSION = "NOPERM"
_MOVED = "MOVED"
_NOT_NOW = frozenset(
    (
        _MOVED,
        "ASK",
        "CLUSTERDOWN",
        "TRYAGAIN",
        "MASTERDOWN",
        "READONLY",
        "LOADING",
        "BUSY",
        "UNBLOCKED",
    )
)
"""Replies of a server that is not, or not yet, the one to ask."""
_STRANGER = frozenset(("NOAUTH", "WRONGPASS"))
_HINTS = {
    "OOM": "its memory is full: raise maxmemory or use a larger server",
    _NO_PERMISSION: "its user needs more rights: see docs/state-store.md",
}


class ValkeyConnection:
    """Sends commands, one at a time, and connects again where that is needed.

    Every command may reach the server twice: callers send only what is harmless when repeated.

    Parameters
    ----------
    location : Location
    traffic : Traffic
        Counts commands, those of connecting too, and bytes.
    patience_s : float
        How long a connection that was once there is tried again. The first one gets `CONNECT_S`.
    longest_wait_s : float
        The longest time for which a command asks the server to wait.
    """

    def __init__(
        self,
        location: Location,
        *,
        traffic: Traffic,
        patience_s: float,
        longest_wait_s: float = 0.0,
    ) -> None:
        self._location = location
        self._traffic = traffic
        self._patience_s = patience_s
        self._answer_s = ANSWER_S + longest_wait_s
        self._wire: Wire | None = None
        self._node: Location | None = None
        self._unread = 0
        self._refusal: RefusedError | None = None
        self._was_there = False

    def call(
        self,
        *arguments: Any,
        opening: Opening | None = None,
        after_reconnect: Callable[[], object] | None = None,
    ) -> Any:
        """Send a command and return the reply.

        Parameters
        ----------
        *arguments : bytes, str, int or float
        opening : Opening, optional
            What the command begins with, before the arguments.
        after_reconnect : callable, optional
            Called before the command is sent again over a new connection.

        Raises
        ------
        burly.exceptions.StateStoreUnreachableError
            If the server stays silent, or refuses user and password.
        burly.exceptions.StateStoreError
            If it refuses the command.
        """
        patience_s = self._patience_s if self._was_there else CONNECT_S
        deadline = time.monotonic() + patience_s
        pause_s = 0.02
        lost = False
        while True:
            try:
                wire = self._wire or self._connect()
                if lost and after_reconnect is not None:
                    after_reconnect()
                return self._ask(wire, arguments, opening)
            except RefusedError as error:
                if error.code == NO_SCRIPT:
                    raise
                if _is_stranger(error):
                    raise self._unreachable("refuses the user or the password", error) from error
                if self._follow(error):
                    continue
                if not _may_pass(error):
                    raise self._refused(error) from error
                reason: Exception = error
            except OSError as error:
                reason = error
            lost = True
            self.close()
            self._node = None
            if time.monotonic() >= deadline:
                raise self._unreachable("does not answer", reason) from reason
            log.info("lost the state store at %s, trying again", self._location.where)
            time.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 (spreads the herd)
            pause_s = min(2 * pause_s, 1.0)

    def post(self, *arguments: Any, opening: Opening | None = None) -> None:
        """Send a command whose reply nobody needs: what follows finds out whether it arrived."""
        try:
            wire = self._wire or self._connect()
            wire.send(*arguments, opening=opening)
            self._unread += 1
        except (OSError, RefusedError):
            self.close()

    def refusal(self) -> RefusedError | None:
        """Return, once, the error with which the server answered the last posts, as far as is known.

        Raises
        ------
        burly.exceptions.StateStoreError
            If it refuses such commands for good.
        """
        error, self._refusal = self._refusal, None
        if error is not None and error.code != NO_SCRIPT and not _may_pass(error):
            raise self._refused(error) from error
        return error

    def close(self) -> None:
        """Let go of the connection; the next command makes a new one."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None
        self._unread = 0

    def _ask(self, wire: Wire, arguments: tuple[Any, ...], opening: Opening | None) -> Any:
        wire.send(*arguments, opening=opening)
        while self._unread:
            self._unread -= 1
            try:
                wire.receive()
            except RefusedError as error:
                self._refusal = error
        reply = wire.receive()
        self._was_there = True
        return reply

    def _connect(self) -> Wire:
        self._wire = Wire(
            self._node or self._location,
            connect_s=CONNECT_S,
            answer_s=self._answer_s,
            traffic=self._traffic,
        )
        return self._wire

    def _follow(self, error: RefusedError) -> bool:
        """Turn to the node of a cluster that has the keys of this run: all are in one slot."""
        if error.code != _MOVED or self._node is not None:
            return False
        host, _, port = str(error).split(" ")[2].rpartition(":")
        host = host or self._location.host
        self.close()
        self._node = replace(self._location, where=f"{host}:{port}", host=host, port=int(port))
        return True

    def _unreachable(self, what: str, error: Exception) -> StateStoreUnreachableError:
        return StateStoreUnreachableError(
            f"the state store at {self._location.where} {what} ({error}): check that it runs, "
            "that the functions reach it (network, firewall, TLS), and its user and password"
        )

    def _refused(self, error: RefusedError) -> StateStoreError:
        hint = _HINTS.get(error.code, "it is no server that burly knows how to use")
        return StateStoreError(
            f"the state store at {self._location.where} refuses a command ({error}): {hint}"
        )


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a server says about itself.

    Attributes
    ----------
    software, version : str
        ``valkey`` or ``redis``, and its version.
    is_cluster : bool
    maxmemory_bytes : int or None
        0: no limit. None, here and below: the user may not ask (INFO).
    maxmemory_policy : str or None
    round_trip_s : float
        The median of a few round trips.
    """

    software: str
    version: str
    is_cluster: bool
    maxmemory_bytes: int | None
    maxmemory_policy: str | None
    round_trip_s: float

    @property
    def may_evict(self) -> bool:
        """Whether the server may drop keys that have a time to live: states and contributions."""
        return self.maxmemory_policy not in (None, "noeviction")


def inspect_server(url: str, *, n_round_trips: int = 9) -> ServerInfo:
    """Ask a server what it is, and measure how far away.

    Parameters
    ----------
    url : str
    n_round_trips : int, default=9

    Raises
    ------
    burly.exceptions.StateStoreUnreachableError
        If it does not answer.
    """
    connection = ValkeyConnection(Location.parse(url), traffic=Traffic(), patience_s=CONNECT_S)
    try:
        times = []
        for _ in range(n_round_trips):
            begun = time.perf_counter()
            connection.call("PING")
            times.append(time.perf_counter() - begun)
        return read_info(connection, sorted(times)[len(times) // 2])
    finally:
        connection.close()


def read_info(connection: ValkeyConnection, round_trip_s: float = 0.0) -> ServerInfo:
    """Return what a server says about itself over a connection that exists."""
    hello = _pairs(connection.call("HELLO"))
    try:
        text = bytes(connection.call("INFO")).decode()
    except StateStoreError as error:
        cause = error.__cause__
        if not (isinstance(cause, RefusedError) and cause.code == _NO_PERMISSION):
            raise
        text = ""
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    maxmemory = lines.get("maxmemory")
    return ServerInfo(
        software="valkey" if "valkey_version" in lines else hello["server"],
        version=lines.get("valkey_version", hello["version"]),
        is_cluster=hello["mode"] == "cluster",
        maxmemory_bytes=None if maxmemory is None else int(maxmemory),
        maxmemory_policy=lines.get("maxmemory_policy"),
        round_trip_s=round_trip_s,
    )


def _is_stranger(error: RefusedError) -> bool:
    return error.code in _STRANGER or (error.code == "ERR" and "AUTH" in str(error))


def _may_pass(error: RefusedError) -> bool:
    return error.code in _NOT_NOW or "max number of clients" in str(error)


def _pairs(reply: list[Any]) -> dict[str, str]:
    texts = [item.decode() if isinstance(item, bytes) else str(item) for item in reply]
    return dict(zip(texts[::2], texts[1::2], strict=True))
