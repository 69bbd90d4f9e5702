"""The Lloyd kernel beside what the processor can do, and two threads beside one.

    python benchmarks/kmeans_kernel.py [--only NAME] [--repeats 5]

Compiles fma_peak.cpp with $CXX (c++ by default) to measure, in the same run and a vector width at a
time, how many fused multiply-adds one thread sustains. The dense pass is a round of the kernel that
computes every row: columns turned, scores, the nearest two and the gaps included. Whole fits go
through the estimator, with one and with two threads in turns; the best of each counts.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from burly import KMeans
from burly.data.partition import DatasetInfo, Partition, ShardRows
from burly.exact_sum import grid_for
from burly.kernels import ThreadTeam, runnable
from burly.kernels.lloyd import Lloyd
from kmeans_peers import N_ITER, WORKLOADS, workload

WIDTHS = {"avx512": ("-march=x86-64-v4", 64), "avx2": ("-march=x86-64-v3", 32), "neon": (None, 16)}
SHAPES = [(32, 100), (64, 256), (128, 1000), (256, 100), (16, 50), (784, 10), (8, 10), (3, 64)]
FLOP = 1_000_000_000
"""About so much work is in one dense pass: few milliseconds, so that some pass is not interrupted."""
SECONDS = 1.0
"""So long passes of one shape are repeated; the best counts."""


def peak_of(kernels: str, folder: Path) -> ctypes.CDLL:
    arch, n_bytes = WIDTHS[kernels]
    library = folder / f"{kernels}.so"
    flags = ["-O3", "-ffp-contract=fast", "-shared", "-fPIC", f"-DBYTES={n_bytes}"]
    source = Path(__file__).with_name("fma_peak.cpp")
    compiler = os.environ.get("CXX", "c++").split()
    subprocess.run(
        [*compiler, *flags, *([arch] if arch else []), str(source), "-o", str(library)], check=True
    )
    loaded = ctypes.CDLL(str(library))
    loaded.fma_rate_f32.restype = ctypes.c_double
    loaded.fma_rate_f32.argtypes = [ctypes.c_double]
    return loaded


def peak(library: ctypes.CDLL, n_threads: int) -> float:
    with ThreadPoolExecutor(n_threads) as pool:
        return sum(pool.map(library.fma_rate_f32, [0.05] * n_threads))


def dense(kernels: str, d: int, k: int, teams: list[int]) -> list[float]:
    """Return the FLOP/s of the best dense pass with each number of threads, in turns."""
    n = min(1_000_000, FLOP // (2 * d * k))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d)).astype(np.float32)
    centers, shift = X[:k].copy(), np.zeros(d, dtype=np.float32)
    grid = grid_for(np.abs(X).max(axis=0).astype(float), n, 1)
    shards = [ShardRows(i, part, None, None) for i, part in enumerate(np.array_split(X, 16))]
    info = DatasetInfo(d, X.dtype, len(shards), n, n, weighted=False)
    partition = Partition(info, shards)
    best = [np.inf] * len(teams)
    with ExitStack() as stack:
        kept = []
        for n_threads in teams:
            team = stack.enter_context(ThreadTeam(n_threads, kernels=kernels))
            kept.append(Lloyd(partition, k, team, shift=shift, grid=grid, dense=True))
            kept[-1].step(centers)
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            for i, lloyd in enumerate(kept):
                begun = time.perf_counter()
                lloyd.step(centers)
                best[i] = min(best[i], time.perf_counter() - begun)
    return [2.0 * n * d * k / seconds for seconds in best]


def whole(name: str, repeats: int, teams: list[int]) -> list[float]:
    X, start = workload(name, "float32")
    best = [np.inf] * len(teams)
    for _ in range(repeats):
        for i, n_threads in enumerate(teams):
            model = KMeans(
                len(start), init=start, n_init=1, max_iter=N_ITER, tol=0, n_threads=n_threads
            )
            begun = time.perf_counter()
            model.fit(X)
            best[i] = min(best[i], time.perf_counter() - begun)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=WORKLOADS, help="of the whole fits, just this one")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    processor = next(
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    )
    print(processor, os.cpu_count(), "cores")
    teams = [1, 2]
    with tempfile.TemporaryDirectory() as folder:
        for kernels in runnable():
            library = peak_of(kernels, Path(folder))
            print(f"{kernels}: dense pass in GFLOP/s, beside the peak of fused multiply-add")
            for d, k in SHAPES:
                peaks = [peak(library, n) for n in teams]
                rates = dense(kernels, d, k, teams)
                peaks = [max(p, peak(library, n)) for p, n in zip(peaks, teams, strict=True)]
                of_peak = [
                    f"{rate / 1e9:6.1f} ({rate / p:4.0%} of {p / 1e9:.0f})"
                    for rate, p in zip(rates, peaks, strict=True)
                ]
                print(
                    f"  d {d:4d} k {k:5d}: 1 thread {of_peak[0]}, 2 threads {of_peak[1]}, "
                    f"{rates[1] / rates[0]:.2f} times as fast",
                    flush=True,
                )
    for kernels in runnable():
        os.environ["BURLY_KERNELS"] = kernels
        print(f"{kernels}: whole fits, float32, {N_ITER} iterations")
        for name in [args.only] if args.only else WORKLOADS:
            one, two = whole(name, args.repeats, teams)
            print(
                f"  {name}: 1 thread {one:.4f} s, 2 threads {two:.4f} s, "
                f"{one / two:.2f} times as fast",
                flush=True,
            )


if __name__ == "__main__":
    main()
