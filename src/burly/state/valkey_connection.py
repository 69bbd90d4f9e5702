"""One connection to a Valkey or Redis server: patient, counted, and with errors of ours."""

from __future__ import annotations

import logging
import random
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from valkey import exceptions as foreign
from valkey.cluster import ValkeyCluster
from valkey.connection import Connection as TCPConnection
from valkey.connection import SSLConnection, UnixDomainSocketConnection

from burly.exceptions import StateStoreError, StateStoreUnreachableError
from burly.state.address import Location
from burly.state.store import Traffic

log = logging.getLogger(__name__)

ANSWER_S = 10.0
"""How long a server may take for an answer, beyond the time that a command asks it to wait."""
CONNECT_S = 5.0
"""How long a connection may take to come about."""

# The client library's own types are not complete enough to call it.
_TCP: Any = TCPConnection
_TLS: Any = SSLConnection
_UNIX: Any = UnixDomainSocketConnection
_CLUSTER: Any = ValkeyCluster

_LOST = (
    foreign.ConnectionError,
    foreign.TimeoutError,
    foreign.ValkeyClusterException,
    foreign.ReadOnlyError,
    OSError,
)
_MOVED = ("MOVED ", "ASK ", "CLUSTERDOWN ", "TRYAGAIN ", "MASTERDOWN ")
"""Replies of a server that is not, or not yet, the one to ask."""


class _Wire(Protocol):
    """What is used of the client library's connections, which carry no types."""

    def connect(self) -> None: ...
    def disconnect(self) -> None: ...
    def send_command(self, *arguments: object) -> None: ...
    def read_response(self) -> Any: ...


class ValkeyConnection:
    """Sends commands, one at a time, and connects again where that is needed.

    Every command may reach the server twice: callers send only what is harmless when repeated.

    Parameters
    ----------
    location : Location
    key : str
        Any key of the run: in a cluster it says which node to ask.
    traffic : Traffic
        Counts commands (those of connecting, too) and the bytes of arguments and replies.
    patience_s : float
        How long a connection that was once there is tried again. The first one gets `CONNECT_S`.
    longest_wait_s : float
        The longest time for which a command asks the server to wait.
    """

    def __init__(
        self,
        location: Location,
        *,
        key: str,
        traffic: Traffic,
        patience_s: float,
        longest_wait_s: float = 0.0,
    ) -> None:
        self._location = location
        self._key = key
        self._traffic = traffic
        self._patience_s = patience_s
        self._settings = _settings(location, ANSWER_S + longest_wait_s)
        self._connection: _Wire | None = None
        self._was_there = False

    def call(self, *arguments: Any, after_reconnect: Callable[[], object] | None = None) -> Any:
        """Send a command and return the reply.

        Parameters
        ----------
        *arguments : bytes, str, int or float
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
                connection = self._connection or self._connect()
                if lost and after_reconnect is not None:
                    after_reconnect()
                return self._send(connection, arguments)
            except foreign.AuthenticationError as error:
                raise self._unreachable("refuses the user or the password", error) from error
            except foreign.NoScriptError:
                raise
            except (*_LOST, foreign.ResponseError) as error:
                if not isinstance(error, _LOST) and not str(error).startswith(_MOVED):
                    raise self._refused(error) from error
                lost = True
                self.close()
                if time.monotonic() >= deadline:
                    raise self._unreachable("does not answer", error) from error
                log.info("lost the state store at %s, trying again", self._location.where)
            time.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 (spreads the herd)
            pause_s = min(2 * pause_s, 1.0)

    def close(self) -> None:
        """Let go of the connection; the next command makes a new one."""
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None

    def _send(self, connection: _Wire, arguments: tuple[Any, ...]) -> Any:
        self._traffic.commands += 1
        connection.send_command(*arguments)
        self._traffic.bytes_sent += _size(arguments)
        reply = connection.read_response()
        self._traffic.bytes_received += _size(reply)
        self._was_there = True
        return reply

    def _connect(self) -> _Wire:
        location = self._location
        if location.path:
            connection = self._introduce(_UNIX(path=location.path, **self._settings))
        else:
            connection = self._dial(location.host, location.port)
            if _mode(self._send(connection, ("HELLO",))) == "cluster":
                connection.disconnect()
                connection = self._dial(*self._node())
        self._connection = connection
        return connection

    def _dial(self, host: str, port: int) -> _Wire:
        kind = _TLS if self._location.tls else _TCP
        return self._introduce(kind(host=host, port=port, **self._settings))

    def _introduce(self, connection: _Wire) -> _Wire:
        connection.connect()
        self._traffic.commands += bool(self._location.password) + bool(self._location.db)
        return connection

    def _node(self) -> tuple[str, int]:
        """All keys of a run share a slot, so one node of a cluster answers for all of them."""
        cluster = _CLUSTER(
            host=self._location.host,
            port=self._location.port,
            ssl=self._location.tls,
            **{name: value for name, value in self._settings.items() if name != "db"},
        )
        try:
            node = cluster.get_node_from_key(self._key)
            if node is None:
                raise foreign.ConnectionError("no node of the cluster has the slot of this run")
            return node.host, int(node.port)
        finally:
            cluster.close()

    def _unreachable(self, what: str, error: Exception) -> StateStoreUnreachableError:
        return StateStoreUnreachableError(
            f"the state store at {self._location.where} {what} ({error}): check that it runs, "
            "that the functions reach it (network, firewall, TLS), and its user and password"
        )

    def _refused(self, error: Exception) -> StateStoreError:
        hints: dict[type[Exception], str] = {
            foreign.OutOfMemoryError: "its memory is full: raise maxmemory or use a larger server",
            foreign.NoPermissionError: "its user needs more rights: see docs/state-store.md",
        }
        hint = hints.get(type(error), "it is no server that burly knows how to use")
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
    connection = ValkeyConnection(
        Location.parse(url), key="burly:{}", traffic=Traffic(), patience_s=CONNECT_S
    )
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
        text = connection.call("INFO").decode()
    except StateStoreError as error:
        if not isinstance(error.__cause__, foreign.NoPermissionError):
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


def _settings(location: Location, timeout_s: float) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "db": location.db,
        "username": location.username,
        "password": location.password,
        "socket_timeout": timeout_s,
        "lib_name": None,
        "lib_version": None,
        "socket_read_size": 1 << 18,
    }
    if location.path:
        return settings
    settings |= {
        "socket_connect_timeout": CONNECT_S,
        "socket_keepalive": True,
        "socket_keepalive_options": _keepalive_options(),
    }
    if location.tls:
        verified = location.options.get("ssl_cert_reqs", "required") != "none"
        settings |= {
            "ssl_check_hostname": verified,
            "ssl_min_version": ssl.TLSVersion.TLSv1_2,
            **location.options,
        }
    return settings


def _keepalive_options() -> dict[int, int]:
    """Notice a dead peer after 30 s; not every system has every option."""
    wanted = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}


def _mode(hello: Any) -> str:
    return _pairs(hello)["mode"]


def _pairs(reply: list[Any]) -> dict[str, str]:
    texts = [item.decode() if isinstance(item, bytes) else str(item) for item in reply]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _size(value: Any) -> int:
    if isinstance(value, bytes | str):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return 8
