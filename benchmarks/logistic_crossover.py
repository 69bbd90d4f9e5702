"""Where "auto" changes from Newton's method to L-BFGS: both, on dense rows of more and more columns.

    python benchmarks/logistic_crossover.py [--rows-bytes N] [--only NAME]

One worker with one thread runs the loop without a store, so that rounds and bytes are counted exactly,
and its CPU time is taken, which a busy machine hardly changes. A time with meetings adds 1 ms a round
and 10 ns a byte that a function on a network would send or receive.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from burly.algorithms.logistic.algorithm import LogisticRegression
from burly.algorithms.logistic.settings import Settings
from burly.data.arrays import from_arrays
from burly.kernels import ThreadTeam

ROUND_S, BYTE_S = 1e-3, 1e-8
SOLVERS = ("newton", "lbfgs")
REPEATS = 3
L2, L1 = {"C": 1.0}, {"C": 0.01, "l1_ratio": 1.0}
WORKLOADS = {
    **{f"l2 d={d}": (d, 2, 0.0, L2) for d in (20, 100, 300, 500, 1000, 2000)},
    **{f"l2 correlated d={d}": (d, 2, 0.9, L2) for d in (20, 100, 300, 500, 1000, 2000)},
    **{f"l1 d={d}": (d, 2, 0.5, L1) for d in (20, 100, 300, 1000, 2000)},
    **{f"l2 10 classes d={d}": (d, 10, 0.3, L2) for d in (10, 50, 100, 200)},
}


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(line for line in lines if "model name" in line)


def rows(n: int, d: int, n_classes: int, correlation: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d), dtype=np.float32)
    X *= np.float32(np.sqrt(1 - correlation))
    X += np.float32(np.sqrt(correlation)) * rng.standard_normal((n, 1), dtype=np.float32)
    outputs = 1 if n_classes == 2 else n_classes
    scores = X @ rng.standard_normal((d, outputs), dtype=np.float32) * (2 / np.sqrt(d))
    if n_classes == 2:
        return X, (scores[:, 0] + rng.logistic(size=n) > 0.5).astype(int)
    return X, np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)


def run(X: np.ndarray, y: np.ndarray, settings: Settings) -> tuple[float, int, int, bool]:
    """Return seconds, rounds, bytes sent and received, and whether tol was reached."""
    data = from_arrays(X, y)
    algorithm = LogisticRegression(settings)
    n_rounds = n_bytes = 0
    with ThreadTeam(1) as team:
        partition = data.read(data.split(1)[0], 1)
        begun = time.process_time()
        state = algorithm.start(data.info)
        scratch = algorithm.scratch(partition, team)
        while not state.done:
            parts = algorithm.step(state, partition, team, scratch).contribution
            last = state
            state = algorithm.update([last], {name: part.array for name, part in parts.items()})
            n_rounds += 1
            n_bytes += sum(part.array.nbytes for part in parts.values())
            n_bytes += sum(
                a.nbytes for name, a in state.arrays.items() if a is not last.arrays.get(name)
            )
        seconds = time.process_time() - begun
    return seconds, n_rounds, n_bytes, bool(state["converged"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows-bytes", type=int, default=100_000_000)
    parser.add_argument("--only", default="", help="part of a workload's name")
    asked = parser.parse_args()
    print(processor())
    print("| workload | rows |", *(f"{s}: s | rounds | MB | with meetings |" for s in SOLVERS))
    for name, (d, n_classes, correlation, penalty) in WORKLOADS.items():
        if asked.only not in name:
            continue
        n = min(200_000, asked.rows_bytes // (4 * d))
        X, y = rows(n, d, n_classes, correlation)
        best: dict[str, tuple[float, int, int, bool]] = {}
        for _ in range(REPEATS):
            for solver in SOLVERS:
                done = run(X, y, Settings(solver=solver, max_iter=1000, **penalty))
                best[solver] = min(done, best.get(solver, done))
        cells = []
        for seconds, n_rounds, n_bytes, converged in (best[solver] for solver in SOLVERS):
            met = seconds + n_rounds * ROUND_S + n_bytes * BYTE_S
            cells.append(
                f"{seconds:.3f}{'' if converged else ' (not reached)'} | {n_rounds} | "
                f"{n_bytes / 1e6:.1f} | {met:.3f} |"
            )
        print(f"| {name} | {n} |", *cells, flush=True)


if __name__ == "__main__":
    main()
