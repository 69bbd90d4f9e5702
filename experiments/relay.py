"""A TCP relay that adds a set time to every round trip: a network on one machine.

Each chunk of bytes is passed on a fixed time after it came, in both directions, and chunks that
follow each other do not wait for one another. What the relay costs by itself is measured against an
echo server first and taken off. Runs by itself until its standard input closes::

    python experiments/relay.py --to 127.0.0.1:6379 --rtt-ms 0.66

prints one line of JSON: the port it listens on, and what it adds to the round trip of an echo in
milliseconds: some medians, measured after the delay was found.
"""

import argparse
import contextlib
import ctypes
import json
import queue
import socket
import statistics
import sys
import threading
import time

CHUNK = 1 << 16
PR_SET_TIMERSLACK = 29
SAMPLES = 400
MEASURING_S = 0.5
STEPS = 12
TRIES, CHECKS = 3, 3
GOOD_ENOUGH = 0.03


class Relay:
    """Pass bytes on between clients and one server, each ``delay_s`` after it came.

    Parameters
    ----------
    target : tuple of (str, int)
        Host and port of the server.
    delay_s : float
        One way, in seconds.

    Attributes
    ----------
    port : int
        Where it listens, on the loopback.
    delay_s : float
        May be changed at any time.
    """

    def __init__(self, target: tuple[str, int], delay_s: float) -> None:
        self.target = target
        self.delay_s = delay_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more clients; those that are connected stay so."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self.target)
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for source, sink in ((client, server), (server, client)):
                    chunks: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
                    for work, end in ((self._read, source), (self._write, sink)):
                        threading.Thread(target=work, args=(end, chunks), daemon=True).start()

    def _read(self, source: socket.socket, chunks: queue.SimpleQueue) -> None:
        chunk = b"?"
        while chunk:
            try:
                chunk = source.recv(CHUNK)
            except OSError:
                chunk = b""
            chunks.put((time.perf_counter() + self.delay_s, chunk))

    def _write(self, sink: socket.socket, chunks: queue.SimpleQueue) -> None:
        sleep_precisely()
        while True:
            due, chunk = chunks.get()
            wait = due - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            try:
                if not chunk:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(chunk)
            except OSError:  # that side is gone, and so is the connection
                return


def sleep_precisely() -> None:
    """Ask Linux to wake this thread on time, not up to 50 us later."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)


def echo_server() -> tuple[str, int]:
    """Start a server that sends back what it gets; return where it is."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while chunk := connection.recv(CHUNK):
                    connection.sendall(chunk)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()


def median_round_trip(port: int, samples: int = SAMPLES) -> float:
    """Return the median time of an echo through a port of this machine, in seconds."""
    times = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(samples):
            start = time.perf_counter()
            connection.sendall(b"0123456789")
            connection.recv(CHUNK)
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def calibrated_delay(rtt_s: float) -> float:
    """Find the one-way delay that adds ``rtt_s`` to the median round trip."""
    echo = echo_server()
    relay = Relay(echo, 0.0)
    direct = median_round_trip(echo[1])
    samples = samples_for(rtt_s)
    tried = []
    for _ in range(STEPS):
        relayed = median_round_trip(relay.port, samples)
        error = direct + rtt_s - relayed
        tried.append((abs(error), relay.delay_s))
        if abs(error) < GOOD_ENOUGH * rtt_s:
            break
        relay.delay_s = max(0.0, relay.delay_s + error / 2)
    relay.close()
    return min(tried)[1]


def check(delay_s: float, rtt_s: float) -> list[float]:
    """Return what a relay with this delay adds to a round trip: some medians, measured afresh."""
    echo = echo_server()
    relay = Relay(echo, delay_s)
    samples = samples_for(rtt_s) // 2
    added = [
        median_round_trip(relay.port, samples) - median_round_trip(echo[1], samples)
        for _ in range(CHECKS)
    ]
    relay.close()
    return added


def checked_delay(rtt_s: float) -> tuple[float, list[float]]:
    """Return the one-way delay for a round trip, and what a relay with it was seen to add."""
    for _ in range(TRIES):
        delay_s = calibrated_delay(rtt_s)
        added = check(delay_s, rtt_s)
        if abs(statistics.median(added) / rtt_s - 1) < 2 * GOOD_ENOUGH:
            break
    return delay_s, added


def samples_for(rtt_s: float) -> int:
    """Return how many round trips to measure, fewer of long ones."""
    return min(SAMPLES, max(50, round(MEASURING_S / rtt_s)))


def main() -> None:
    """Relay until standard input closes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", required=True, metavar="HOST:PORT")
    parser.add_argument("--rtt-ms", type=float, default=0.66)
    arguments = parser.parse_args()
    host, _, port = arguments.to.rpartition(":")
    rtt_s = arguments.rtt_ms / 1e3
    delay_s, added = checked_delay(rtt_s)
    relay = Relay((host, int(port)), delay_s)
    figures = {"port": relay.port, "added_ms": [each * 1e3 for each in added]}
    print(json.dumps(figures), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
