"""How to reach a run: a frozen value that travels in a payload."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from burly.exceptions import ConfigurationError

_TCP_SCHEMES = ("redis", "valkey")
_TLS_SCHEMES = ("rediss", "valkeys")
SCHEMES = (*_TCP_SCHEMES, *_TLS_SCHEMES, "unix")
"""What a state store's URL may start with."""

_TLS_OPTIONS = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")
_DEFAULT_PORT = 6379
_ENCODED = "/, ?, #, @ and : in a user or password have to be percent-encoded"


@dataclass(frozen=True, slots=True)
class Location:
    """A URL of a Valkey or Redis server, taken apart.

    Attributes
    ----------
    where : str
        Host and port, or the path of the socket: what messages show.
    host, port, path : str, int, str
        ``path`` is empty but for Unix sockets.
    tls : bool
    db : int
    username, password : str or None
    options : mapping of str to str
        Settings of TLS, named as the client library names them.
    """

    where: str
    host: str
    port: int
    path: str
    tls: bool
    db: int
    username: str | None = field(repr=False)
    password: str | None = field(repr=False)
    options: Mapping[str, str]

    @classmethod
    def parse(cls, url: str) -> Location:
        """Take a URL apart.

        Parameters
        ----------
        url : str
            ``redis://``, ``rediss://``, ``valkey://`` or ``valkeys://``, then
            ``[user[:password]@]host[:port][/db]``; or ``unix://[user[:password]@]/path[?db=n]``.
            TLS takes ``ssl_ca_certs``, ``ssl_ca_path``, ``ssl_certfile``, ``ssl_keyfile`` and
            ``ssl_cert_reqs`` (required or none) after a question mark.

        Raises
        ------
        burly.exceptions.ConfigurationError
            If it is no such URL; the message never shows a password.
        """
        shown = mask(url)
        try:
            parts = urlsplit(url)
            port = parts.port or _DEFAULT_PORT
        except ValueError:
            raise ConfigurationError(
                f"the state store's URL {shown!r} is wrong: the port has to be a number, and {_ENCODED}"
            ) from None
        if parts.scheme not in SCHEMES:
            raise ConfigurationError(
                f"no state store answers to {shown!r}: "
                f"use one of {', '.join(scheme + '://' for scheme in SCHEMES)}"
            )
        if "@" in parts.path + parts.query + parts.fragment:
            # Cut elsewhere than its author meant: what is left of it may name another server.
            raise ConfigurationError(
                f"the state store's URL {shown!r} is wrong: {_ENCODED}, and so has @ after the host"
            )
        options = dict(parse_qsl(parts.query))
        path = unquote(parts.path) if parts.scheme == "unix" else ""
        db = _database(parts, options, shown)
        allowed = _TLS_OPTIONS if parts.scheme in _TLS_SCHEMES else ()
        if unknown := sorted(set(options) - set(allowed)):
            raise ConfigurationError(
                f"the state store's URL {shown!r} has options that are unknown for "
                f"{parts.scheme}://: {', '.join(unknown)}; known are {', '.join(('db', *allowed))}"
            )
        host = unquote(parts.hostname or "localhost")
        if parts.scheme == "unix" and not path:
            raise ConfigurationError(f"the state store's URL {shown!r} names no socket")
        return cls(
            where=path or f"{host}:{port}",
            host=host,
            port=port,
            path=path,
            tls=parts.scheme in _TLS_SCHEMES,
            db=db,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            options=options,
        )


@dataclass(frozen=True, slots=True)
class RunAddress:
    """How to reach a run: all that a worker needs to take part, frozen and picklable.

    Parameters
    ----------
    url : str
        The state store; see `Location.parse`.
    run_id : str
        Part of every key of the run.
    secret : bytes
        Keys the tags of the frames.
    world_size : int
    memory : int
        m of the algorithm: the last m + 1 states stay in the store.
    leg : int
    ttl_s : float
        How long the keys outlive the last sign of life of any worker.
    lease_s : float
        How long whoever completes a round may take before another rank takes over.
    patience_s : float
        How long a lost connection is tried again.
    """

    url: str
    run_id: str
    secret: bytes
    world_size: int
    memory: int = 0
    leg: int = 0
    ttl_s: float = 3600.0
    lease_s: float = 10.0
    patience_s: float = 30.0

    @classmethod
    def new(cls, url: str, *, world_size: int, memory: int = 0) -> RunAddress:
        """Return the address of a run that does not exist yet, with its own id and secret."""
        Location.parse(url)
        return cls(url, secrets.token_hex(8), secrets.token_bytes(32), world_size, memory)

    def __repr__(self) -> str:
        return (
            f"RunAddress(url={mask(self.url)!r}, run_id={self.run_id!r}, secret=***, "
            f"world_size={self.world_size}, memory={self.memory}, leg={self.leg})"
        )


def mask(url: str) -> str:
    """Return a URL without its password and options, however badly it is written."""
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    credentials, at, place = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    place = place.partition("?")[0].partition("#")[0]
    return f"{scheme}{separator}{user}{':***' if colon else ''}{at}{place}"


def _database(parts: SplitResult, options: dict[str, str], shown: str) -> int:
    text = options.pop("db", "" if parts.scheme == "unix" else parts.path.strip("/")) or "0"
    if not text.isdecimal():
        raise ConfigurationError(
            f"the state store's URL {shown!r} names database {text!r}: give a number"
        )
    return int(text)
