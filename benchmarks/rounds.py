"""How long a round takes, by store, number of workers and payload.

    python benchmarks/rounds.py [--workers 1 2 4 8 16 32] [--threads] [--url redis://host:port]

Each worker is a process (a thread with --threads, always for the memory store) that computes
nothing: what is left is the round itself. The embedded Valkey server shares the machine with the
workers, so with more workers than cores the time is the cores', not the network's.
"""

import argparse
import multiprocessing
import platform
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from burly.contributions import Part, Reducer, Step
from burly.rounds import Rounds
from burly.state.address import RunAddress
from burly.state.connect import connect
from burly.state.embedded import EmbeddedServer
from burly.state.memory import MemoryRun, MemoryStateStore
from burly.state.store import StateMessage
from burly.states import State

PAYLOADS = {"k 10, d 20": (10, 20), "k 100, d 32": (100, 32), "k 1000, d 128": (1000, 128)}
WARM_UP = 10


def take_part(store, rank, world_size, shape, n_rounds, *, told):
    """Run the rounds of one rank; rank 0 tells seconds a round, and commands a round."""

    def update(states, totals):
        number = int(states[-1]["n"]) + 1
        arrays = {"n": np.array(number), "centres": totals["sums"].astype(np.float64)}
        return State("iterate", arrays, done=number == WARM_UP + n_rounds)

    parts = {
        "sums": Part(Reducer.SUM, np.ones(shape, dtype=np.int64)),
        "counts": Part(Reducer.SUM, np.ones(shape[0], dtype=np.int64)),
    }
    rounds = Rounds(store, rank=rank, world_size=world_size)
    state = rounds.receive()
    times = []
    while not state.done:
        before = store.traffic.commands
        begun = time.perf_counter()
        state = rounds.exchange(Step(parts), update)
        times.append((time.perf_counter() - begun, store.traffic.commands - before))
    rounds.leave()
    store.close()
    if rank == 0:
        told(times[WARM_UP:])


def first_state(shape):
    return StateMessage(0, 1, State("iterate", {"n": np.array(0), "centres": np.zeros(shape)}))


def run_as_process(address, rank, shape, n_rounds, queue):
    take_part(connect(address), rank, address.world_size, shape, n_rounds, told=queue.put)


def on_server(url, world_size, shape, n_rounds, *, threads):
    address = RunAddress.new(url, world_size=world_size)
    client = connect(address)
    client.open(first_state(shape))
    queue = multiprocessing.Queue()
    kind = threading.Thread if threads else multiprocessing.Process
    workers = [
        kind(target=run_as_process, args=(address, rank, shape, n_rounds, queue))
        for rank in range(world_size)
    ]
    times = finish(workers, queue.get)
    client.clear()
    client.close()
    return times


def in_memory(world_size, shape, n_rounds):
    run = MemoryRun(world_size=world_size)
    MemoryStateStore(run).open(first_state(shape))
    told = []
    workers = [
        threading.Thread(
            target=take_part,
            args=(MemoryStateStore(run), rank, world_size, shape, n_rounds),
            kwargs={"told": told.append},
        )
        for rank in range(world_size)
    ]
    return finish(workers, lambda: [worker.join() for worker in workers] and told[0])


def finish(workers, result):
    for worker in workers:
        worker.start()
    times = result()
    for worker in workers:
        worker.join()
    return times


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines() if platform.system() == "Linux" else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--threads", action="store_true")
    parser.add_argument("--url", help="a server instead of the embedded one")
    options = parser.parse_args()
    print(f"{processor()}, Python {platform.python_version()}, NumPy {np.__version__}")
    print("median of", options.rounds, "rounds; commands: the most of rank 0 in one round")
    print(f"{'store':8} {'workers':>7}  {'payload':14} {'ms a round':>10} {'commands':>8}")
    with nullcontext() if options.url else EmbeddedServer() as server:
        url = options.url or server.url
        for name, shape in PAYLOADS.items():
            for world_size in options.workers:
                cases = {
                    "memory": lambda w=world_size, s=shape: in_memory(w, s, options.rounds),
                    "valkey": lambda w=world_size, s=shape: on_server(
                        url, w, s, options.rounds, threads=options.threads
                    ),
                }
                for store, measure in cases.items():
                    times = measure()
                    median_ms = 1000 * float(np.median([seconds for seconds, _ in times]))
                    most = max(commands for _, commands in times)
                    print(f"{store:8} {world_size:7}  {name:14} {median_ms:10.3f} {most:8}")


if __name__ == "__main__":
    main()
