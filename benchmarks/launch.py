"""What burly adds to Lithops: a fit of trivial data beside a map of two empty functions.

Both run on two local functions, embedded Valkey included in burly's time. Printed are medians of
the first launch of a process, with the import of Lithops, and of later ones.

    python benchmarks/launch.py
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys

REPEATS = 5

MAP = """
import sys, time
begun = time.perf_counter()
import lithops
def empty(x):
    return x
config = {{
    "lithops": {{"backend": "localhost", "storage": "localhost", "include_modules": "none"}},
    "localhost": {{"runtime": sys.executable, "worker_processes": 2, "version": 1}},
}}
for _ in range({n}):
    executor = lithops.FunctionExecutor(config=config, log_level=None)
    executor.get_result(executor.map(empty, [1, 2], include_modules=None), show_progressbar=False)
    print(time.perf_counter() - begun)
    begun = time.perf_counter()
"""

FIT = """
import time
import numpy as np
from burly import KMeans, Lithops
X = np.random.default_rng(0).normal(size=(20000, 2))
for _ in range({n}):
    begun = time.perf_counter()
    KMeans(2, random_state=0, launcher=Lithops(n_workers=2, backend="localhost")).fit(X)
    print(time.perf_counter() - begun)
"""


def measure(program: str) -> tuple[float, float]:
    """Return the medians of later launches and of first ones, in seconds."""
    later = _times(program, REPEATS + 1)[1:]
    first = [_times(program, 1)[0] for _ in range(REPEATS)]
    return statistics.median(later), statistics.median(first)


def _times(program: str, n: int) -> list[float]:
    command = [sys.executable, "-c", program.format(n=n)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(line) for line in done.stdout.split()]


def main() -> None:
    """Measure both, and print what burly adds."""
    lithops, burly = measure(MAP), measure(FIT)
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(f"{'':24}{'later':>8}{'first':>8}")
    for name, times in (("Lithops map", lithops), ("burly fit", burly)):
        print(f"{name:24}{times[0]:8.2f}{times[1]:8.2f}")
    print(f"{'added':24}{burly[0] - lithops[0]:8.2f}{burly[1] - lithops[1]:8.2f}")


if __name__ == "__main__":
    main()
