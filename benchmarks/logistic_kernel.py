"""The kernels of logistic regression beside the machine: one pass against reading X once.

    python benchmarks/logistic_kernel.py [--kernels avx2] [--mb 256] [--threads 2]

For each width and type: the read bandwidth (the better of a dot product and a maximum over X, in as many
threads as the team has), one pass with the gradient, one with what Newton's rounds ask for (curvatures
too), and the Hessian. Two clocks, each the best of several turns that are taken in turn: the wall's, and
the processor's of a team of one thread, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from burly.data.partition import DatasetInfo, Partition, ShardRows
from burly.kernels import ThreadTeam
from burly.kernels.logistic import BLOCK_ROWS, Bounds, LogisticRows, Scaling, block_limit

WIDTHS = (32, 100, 500)
SHARD_ROWS = 8192
TURNS = 7
HESSIAN_FLOPS = 8e9


def partition(
    rng: np.random.Generator, d: int, dtype: type, mb: int
) -> tuple[Partition, np.ndarray]:
    n = int(mb * 2**20 / (d * np.dtype(dtype).itemsize)) // SHARD_ROWS * SHARD_ROWS
    X = np.empty((n, d), dtype)
    for first in range(0, n, SHARD_ROWS):
        X[first : first + SHARD_ROWS] = rng.standard_normal((SHARD_ROWS, d), dtype)
    shards = [
        ShardRows(i, X[i * SHARD_ROWS :][:SHARD_ROWS], None, None) for i in range(n // SHARD_ROWS)
    ]
    info = DatasetInfo(
        n_features=d,
        dtype=np.dtype(dtype),
        n_shards=len(shards),
        n_rows=n,
        max_rows=n,
        weighted=False,
    )
    return Partition(info, shards), X


class Case:
    def __init__(self, team: ThreadTeam, d: int, dtype: type, mb: int) -> None:
        rng = np.random.default_rng(0)
        data, self.X = partition(rng, d, dtype, mb)
        self.n_threads = team.n_threads
        self.pool = ThreadPoolExecutor(self.n_threads)
        self.parts = np.array_split(self.X.ravel(), self.n_threads)
        self.rows = LogisticRows(data, team)
        codes = [rng.integers(0, 2, len(s.X)).astype(np.int32) for s in data.shards]
        self.rows.label(codes, 2)
        self.coef = (rng.standard_normal((1, d + 1)) / np.sqrt(d)).astype(np.float32).astype(float)
        self.bounds = Bounds(
            np.full(d, 8.0), 1.0, 60.0, len(self.X), block_limit(data.info.n_shards, len(self.X))
        )
        self.scaling = Scaling(np.zeros(d), np.ones(d))
        per_row = (d + 1) * (d + 2)
        share = min(1.0, HESSIAN_FLOPS / (per_row * len(self.X)))
        self.threshold = max(1, int(share * 2**32))

    def read(self, how: Callable[[np.ndarray], object]) -> None:
        list(self.pool.map(how, self.parts))

    def evaluate(self, **wanted: object) -> dict[str, np.ndarray]:
        return self.rows.evaluate(self.coef, self.bounds, **wanted)

    def hessian(self) -> dict[str, np.ndarray]:
        return self.evaluate(hessian=self.scaling, gradient=False, threshold=self.threshold)

    def best(self, clock: Callable[[], float]) -> dict[str, float]:
        jobs = {
            "dot": lambda: self.read(lambda part: np.dot(part, part)),
            "max": lambda: self.read(np.max),
            "gradient": self.evaluate,
            "curved": lambda: self.evaluate(curvature=True),
            "hessian": self.hessian,
        }
        found = dict.fromkeys(jobs, np.inf)
        for _ in range(TURNS):
            for name, job in jobs.items():
                began = clock()
                job()
                found[name] = min(found[name], clock() - began)
        return found


def report(case: Case, clock: Callable[[], float], label: str) -> None:
    best = case.best(clock)
    read = min(best["dot"], best["max"])
    d = case.X.shape[1]
    rows = int(case.hessian()["count"].sum())
    rate = rows * (d + 1) * (d + 2) / best["hessian"] / 1e9
    print(
        f"{case.X.dtype} d {d:3} {label}: read {case.X.nbytes / read / 1e9:5.1f} GB/s; "
        f"gradient {best['gradient'] / read:.2f}, with curvature {best['curved'] / read:.2f} times that; "
        f"Hessian {rate:4.0f} GFLOP/s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernels")
    parser.add_argument("--mb", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    cpuinfo = Path("/proc/cpuinfo").read_text()
    print(next(line for line in cpuinfo.splitlines() if "model name" in line))
    assert BLOCK_ROWS <= SHARD_ROWS
    for d in WIDTHS:
        for dtype in (np.float32, np.float64):
            with threadpool_limits(1):
                for n_threads, clock, label in (
                    (args.threads, time.perf_counter, f"{args.threads} threads, wall"),
                    (1, time.process_time, "1 thread, processor"),
                ):
                    with ThreadTeam(n_threads, kernels=args.kernels) as team:
                        report(Case(team, d, dtype, args.mb), clock, label)


if __name__ == "__main__":
    main()
