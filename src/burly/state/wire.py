"""The protocol of Valkey and Redis (RESP2) over one socket: commands out, replies in.

Large replies, the frames of states and contributions, are received where they stay, without a copy.
A reply that came soon the last time is waited for awake: a processor that has gone to sleep takes
longer to wake up (45 us were measured) than a server to answer.
"""

from __future__ import annotations

import os
import select
import socket
import time
from dataclasses import dataclass
from typing import Any, Final

from burly.state.address import Location
from burly.state.store import Traffic

_READ_BYTES: Final = 1 << 16
_LARGE_BYTES: Final = 1 << 14
"""A string above this is received, and sent, without passing through a buffer."""
AWAKE_S: Final = 1e-3
"""A wait that was shorter is spent awake the next time, this long at most, yielding to who wants to work."""


class LostError(OSError):
    """The connection is no more, or what came over it makes no sense."""


class RefusedError(Exception):
    """The server answers a command with an error.

    Attributes
    ----------
    code : str
        Its first word: NOSCRIPT, MOVED, OOM and so on.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = message.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Opening:
    """How many commands begin, encoded once."""

    n_arguments: int
    encoded: bytes

    @classmethod
    def of(cls, *arguments: Any) -> Opening:
        """Encode the arguments with which commands begin: bytes, text and numbers."""
        bodies = [_body(argument) for argument in arguments]
        pieces = [b"$%d\r\n%b\r\n" % (len(body), body) for body in bodies]
        return cls(len(bodies), b"".join(pieces))


class Wire:
    """A connection to a server, introduced: user, password and database are settled.

    Parameters
    ----------
    location : Location
    connect_s : float
        How long it may take to connect.
    answer_s : float
        How long an answer may take, once the connection is there.
    traffic : Traffic
        Counts commands, and the bytes that are sent and received.

    Raises
    ------
    OSError
        If nobody listens, nobody vouches for the certificate, or the connection is lost.
    RefusedError
        If the server refuses the user or the password.
    """

    def __init__(
        self, location: Location, *, connect_s: float, answer_s: float, traffic: Traffic
    ) -> None:
        self._traffic = traffic
        self._socket: Any = _open(location, connect_s)
        self._is_ready = select.poll()
        self._is_ready.register(self._socket, select.POLLIN)
        self._may_stay_awake = not location.tls  # what TLS has read already is not seen
        self._asked: Any = None
        self._waited_s: dict[Any, float] = {}
        self._data = b""
        self._at = 0
        try:
            self._socket.settimeout(answer_s)
            if location.username or location.password:
                user = (location.username,) if location.username else ()
                self._introduce("AUTH", *user, location.password or "")
            if location.db:
                self._introduce("SELECT", location.db)
        except BaseException:
            self.close()
            raise

    def send(self, *arguments: Any, opening: Opening | None = None) -> None:
        """Send a command of bytes, text and numbers, after its beginning if that is encoded already."""
        n_arguments = len(arguments)
        begin = b""
        if opening is not None:
            n_arguments += opening.n_arguments
            begin = opening.encoded
        pieces = [b"*%d\r\n" % n_arguments, begin]
        for argument in arguments:
            body = _body(argument)
            pieces.append(b"$%d\r\n" % len(body))
            if len(body) > _LARGE_BYTES:
                self._send(b"".join(pieces))
                self._send(body)
                pieces = [b"\r\n"]
            else:
                pieces += (body, b"\r\n")
        self._send(b"".join(pieces))
        self._asked = opening or arguments[0]
        self._traffic.commands += 1

    def receive(self) -> Any:
        """Return the next reply: bytes, a read-only view, an int, a list of these, or None.

        Raises
        ------
        RefusedError
            If it is an error.
        OSError
            If the connection is lost, or nothing comes in time.
        """
        try:
            reply = self._reply()
        except ValueError as error:
            raise LostError(f"the server does not speak the protocol: {error}") from error
        if isinstance(reply, RefusedError):
            raise reply
        return reply

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _introduce(self, *command: Any) -> None:
        self.send(*command)
        self.receive()

    def _send(self, data: bytes) -> None:
        self._socket.sendall(data)
        self._traffic.bytes_sent += len(data)

    def _reply(self) -> Any:
        line = self._line()
        kind, rest = line[:1], line[1:]
        match kind:
            case b"$":
                return None if rest == b"-1" else self._string(int(rest))
            case b"*":
                return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]
            case b"+":
                return rest
            case b":":
                return int(rest)
            case b"-":
                return RefusedError(rest.decode(errors="replace"))
        raise LostError(f"the server does not speak the protocol: it says {line[:20]!r}")

    def _line(self) -> bytes:
        while (end := self._data.find(b"\r\n", self._at)) < 0:
            self._more()
        line = self._data[self._at : end]
        self._at = end + 2
        return line

    def _string(self, n_bytes: int) -> bytes | memoryview:
        end = self._at + n_bytes
        if n_bytes <= _LARGE_BYTES:
            while len(self._data) < end + 2:
                missing = end - self._at
                self._more()
                end = self._at + missing
            body = self._data[self._at : end]
            self._at = end + 2
            return body
        whole = bytearray(n_bytes + 2)
        known = self._data[self._at : end + 2]
        self._at += len(known)
        view = memoryview(whole)
        view[: len(known)] = known
        at = len(known)
        while at < len(whole):
            received = self._socket.recv_into(view[at:])
            if not received:
                raise LostError("the server closed the connection")
            at += received
            self._traffic.bytes_received += received
        return view[:n_bytes].toreadonly()

    def _more(self) -> None:
        begun = time.perf_counter()
        if self._waited_s.get(self._asked, AWAKE_S) < AWAKE_S:
            self._stay_awake(begun + AWAKE_S)
        received = self._socket.recv(_READ_BYTES)
        if self._may_stay_awake:
            self._waited_s[self._asked] = time.perf_counter() - begun
        if not received:
            raise LostError("the server closed the connection")
        self._traffic.bytes_received += len(received)
        self._data = self._data[self._at :] + received
        self._at = 0

    def _stay_awake(self, until: float) -> None:
        while not self._is_ready.poll(0) and time.perf_counter() < until:
            os.sched_yield()


def _body(argument: Any) -> bytes:
    return argument if isinstance(argument, bytes) else str(argument).encode()


def _open(location: Location, connect_s: float) -> socket.socket:
    if location.path:
        local = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            local.settimeout(connect_s)
            local.connect(location.path)
        except BaseException:
            local.close()
            raise
        return local
    remote = socket.create_connection((location.host, location.port), connect_s)
    try:
        remote.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        remote.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _keepalive_options().items():
            remote.setsockopt(socket.IPPROTO_TCP, option, value)
        return _secured(remote, location) if location.tls else remote
    except BaseException:
        remote.close()
        raise


def _keepalive_options() -> dict[int, int]:
    """Notice a dead peer after 30 s; not every system has every option."""
    wanted = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}


def _secured(remote: socket.socket, location: Location) -> socket.socket:
    import ssl  # noqa: PLC0415  18 ms that only TLS needs

    options = location.options
    context = ssl.create_default_context(
        cafile=options.get("ssl_ca_certs"), capath=options.get("ssl_ca_path")
    )
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.get("ssl_cert_reqs", "required") == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if "ssl_certfile" in options:
        context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    return context.wrap_socket(remote, server_hostname=location.host)
