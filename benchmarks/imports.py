"""What a worker imports beside what Lithops' own worker imports anyway: it is billed in every function.

Interleaved, each in a process of its own: Lithops' handler alone; and the same with all that a worker of
burly does until its rows are there, from unpickling its order to reading one small file.
"""

from __future__ import annotations

import argparse
import os
import pickle
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cloudpickle
import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from burly import Dataset
from burly.algorithms.kmeans import KMeans
from burly.launchers.function import Order, work
from burly.state.address import RunAddress
from burly.state.embedded import EmbeddedServer

HANDLER = "from lithops.worker import function_handler"
WORKER = f"""
{HANDLER}
import pickle, sys
order, shards, work = pickle.load(open(sys.argv[1], "rb"))
work.__globals__["connect"](order.address).close()
work.__globals__["_load"](order, shards, 1)
"""
FORMATS = ("npy", "csv", "parquet")


def stored(folder: Path, name: str) -> Path:
    path = folder / f"x.{name}"
    X = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    table = pa.table({column: X[:, j] for j, column in enumerate("abc")})
    match name:
        case "npy":
            np.save(path, X)
        case "csv":
            csv.write_csv(table, path)
        case _:
            parquet.write_table(table, path)
    return path


def write_order(path: Path, url: str) -> Path:
    data = Dataset(path).resolve()
    order = Order(
        address=RunAddress.new(url, world_size=1, memory=0),
        algorithm=KMeans(2),
        info=data.info,
        reader=data.reader,
        writer=None,
        n_threads=1,
        credentials=None,
        launched_at=0.0,
    )
    target = path.with_suffix(".order")
    target.write_bytes(cloudpickle.dumps((order, data.shards, work), pickle.HIGHEST_PROTOCOL))
    return target


def seconds(program: str, *arguments: str) -> tuple[float, float]:
    """Return the time of a program by the clock, and its processor time."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    begun, before = time.perf_counter(), worked()
    subprocess.run([sys.executable, "-P", "-c", program, *arguments], check=True, env=environment)
    return time.perf_counter() - begun, worked() - before


def worked() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer() as server:
        orders = {name: write_order(stored(Path(folder), name), server.url) for name in FORMATS}
        taken: dict[str, list[tuple[float, float]]] = {"handler": []} | {
            name: [] for name in FORMATS
        }
        for _ in range(repeats + 1):
            taken["handler"].append(seconds(HANDLER))
            for name, order in orders.items():
                taken[name].append(seconds(WORKER, str(order)))
    # The first of each filled the caches.
    clock, busy = (
        {
            name: statistics.median(pair[which] for pair in pairs[1:])
            for name, pairs in taken.items()
        }
        for which in (0, 1)
    )
    print(
        f"Lithops' handler alone: {clock['handler']:.3f} s, {busy['handler']:.3f} s of processor time"
    )
    for name in FORMATS:
        print(
            f"a worker that reads {name}: {clock[name] - clock['handler']:+.3f} s, "
            f"{busy[name] - busy['handler']:+.3f} s of processor time"
        )


if __name__ == "__main__":
    main()
