"""Logistic regression beside scikit-learn and scikit-learn-intelex, to the same objective.

    python benchmarks/logistic_peers.py --peers /path/to/venv/bin/python [--only NAME]

Whole fits, labels included, two threads, each contender in a process of its own since threads of BLAS and
OpenMP spin on after they return. Every contender, burly too, goes down one ladder of tolerances until its
objective is within 1e-6, relatively, of the optimum (the best that burly finds in float64 at a tolerance of
1e-10), and is timed there. The peers, the dependency group "bench", may live in a virtual environment of
their own, with scikit-learn.

A workload is a function that returns X, y and parameters, listed in WORKLOADS with its peers.
"""

# ruff: noqa: PLC0415 -- a process imports only its own contender
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from _sparse_rows import tf_idf, zipf_counts

GAP = 1e-6
LADDER = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
PATIENCE_S = 30.0
"""A contender takes no further step of the ladder after this."""
LIMIT_S = 90.0
"""Then it is stopped, in a fit that it began before its patience was over."""
MAX_ITER = 2000
N_THREADS = 2


@dataclass
class Workload:
    X: Any
    y: np.ndarray
    C: float = 1.0
    l1_ratio: float = 0.0
    fit_intercept: bool = True


def labels(rng: np.random.Generator, z: np.ndarray) -> np.ndarray:
    return (z + rng.logistic(size=len(z)) > 0).astype(np.int64)


def plain(n: int, d: int, dtype: str = "float32", strength: float = 2.0) -> Workload:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d), dtype=np.float32).astype(dtype)
    w = rng.standard_normal(d) * (strength / np.sqrt(d))
    return Workload(X, labels(rng, X @ w + 0.3))


def ten_classes() -> Workload:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200_000, 50), dtype=np.float32)
    z = X @ rng.standard_normal((50, 10)) * 0.3
    return Workload(X, np.argmax(z + rng.gumbel(size=z.shape), axis=1))


def scales() -> Workload:
    work = plain(300_000, 20, "float64")
    work.X *= np.logspace(-3, 4, 20)
    return work


def lasso() -> Workload:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200_000, 200), dtype=np.float32)
    w = np.where(np.arange(200) < 20, rng.standard_normal(200) * 0.5, 0.0)
    return Workload(X, labels(rng, X @ w), C=0.001, l1_ratio=1.0, fit_intercept=False)


def correlated() -> Workload:
    rng = np.random.default_rng(0)
    common = rng.standard_normal((200_000, 1), dtype=np.float32)
    X = np.sqrt(0.9) * common + np.sqrt(0.1) * rng.standard_normal((200_000, 100), dtype=np.float32)
    X = X.astype(np.float32)
    return Workload(X, labels(rng, X @ rng.standard_normal(100) * 0.3))


def rare() -> Workload:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300_000, 40), dtype=np.float32)
    return Workload(X, labels(rng, X @ rng.standard_normal(40) * 0.2 - 6.6))


SPARSE = ("lbfgs", "newton-cg", "liblinear", "saga")
SEVERAL = (
    "lbfgs",
    "newton-cholesky",
    "newton-cg",
    "saga",
    "intelex lbfgs",
    "intelex newton-cg",
)
DENSE = (*SEVERAL, "liblinear")
"""liblinear knows two classes only. It penalises the intercept too, which costs less than GAP unless a class
is rare."""
WORKLOADS: dict[str, tuple[Callable[[], Workload], tuple[str, ...]]] = {
    "1M x 32 float32": (lambda: plain(1_000_000, 32), DENSE),
    "1M x 32 float64": (lambda: plain(1_000_000, 32, "float64"), DENSE),
    "500k x 100": (lambda: plain(500_000, 100), DENSE),
    "200k x 500": (lambda: plain(200_000, 500), DENSE),
    "200k x 50, 10 classes": (ten_classes, SEVERAL),
    "300k x 20, scales 1e-3 to 1e4": (scales, DENSE),
    "l1, 200k x 200": (lasso, ("liblinear", "saga")),
    "correlated .9, 200k x 100": (correlated, DENSE),
    "rare class, 300k x 40": (rare, DENSE),
    "sparse, Zipf counts, 500k x 50k": (lambda: Workload(*zipf_counts()), SPARSE),
    "sparse, tf-idf, 300k x 50k": (lambda: Workload(*tf_idf()), SPARSE),
}


def objective(work: Workload, model: Any) -> float:
    """The mean objective of a model, in float64."""
    coef, bias = np.asarray(model.coef_, float), np.asarray(model.intercept_, float)
    z = work.X.astype(float) @ coef.T + bias
    if z.shape[1] == 1:
        lost = np.logaddexp(0, z[:, 0]) - work.y * z[:, 0]
    else:
        most = z.max(axis=1)
        lost = np.log(np.exp(z - most[:, None]).sum(axis=1)) + most - z[np.arange(len(z)), work.y]
    penalty = (1 - work.l1_ratio) / 2 * np.sum(coef**2) + work.l1_ratio * np.sum(np.abs(coef))
    return float(lost.mean() + penalty / (work.C * len(work.y)))


def maker(contender: str, work: Workload) -> Callable[[float], Any]:
    params = {"C": work.C, "l1_ratio": work.l1_ratio, "fit_intercept": work.fit_intercept}
    if contender == "burly":
        from burly import LogisticRegression

        return lambda tol: LogisticRegression(tol=tol, n_threads=N_THREADS, **params)
    if contender.startswith("intelex"):
        from sklearnex import patch_sklearn

        patch_sklearn(verbose=False)
    from sklearn.linear_model import LogisticRegression

    solver = contender.rsplit(maxsplit=1)[-1]
    return lambda tol: LogisticRegression(tol=tol, solver=solver, max_iter=MAX_ITER, **params)


@dataclass
class Found:
    seconds: float = np.inf
    longest: float = 0.0
    tol: float = np.nan
    gap: float = np.inf
    rounds: list[int] = field(default_factory=list)


def climb(contender: str, work: Workload, optimum: float) -> Found:
    make = maker(contender, work)
    some = slice(0, 4096)
    make(1e-2).fit(work.X[some], work.y[some])
    found = Found()
    started = time.perf_counter()
    for tol in LADDER:
        began = time.perf_counter()
        model = make(tol).fit(work.X, work.y)
        seconds = time.perf_counter() - began
        found.gap = (objective(work, model) - optimum) / abs(optimum)
        found.tol = tol
        found.longest = max(found.longest, seconds)
        if found.gap <= GAP:
            found.seconds = seconds
            for _ in range(2 if seconds > 1 else 6):
                began = time.perf_counter()
                make(tol).fit(work.X, work.y)
                found.seconds = min(found.seconds, time.perf_counter() - began)
            break
        if time.perf_counter() - started > PATIENCE_S:
            break
    if contender == "burly":
        found.rounds = rounds_of(make(1e-4).fit(work.X, work.y))
    return found


def rounds_of(model: Any) -> list[int]:
    """The rounds of a fit, and how many of them were over all rows."""
    phases = {event.round: event.phase for event in model.run_.events if hasattr(event, "update_s")}
    return [len(phases), sum(phase == "pass" for phase in phases.values())]


def load(folder: Path) -> Workload:
    values = json.loads((folder / "parameters.json").read_text())
    y = np.load(folder / "y.npy")
    if (folder / "X.npz").exists():
        from scipy import sparse

        return Workload(sparse.load_npz(folder / "X.npz"), y, **values)
    return Workload(np.load(folder / "X.npy"), y, **values)


def save(folder: Path, work: Workload) -> None:
    values = {"C": work.C, "l1_ratio": work.l1_ratio, "fit_intercept": work.fit_intercept}
    (folder / "parameters.json").write_text(json.dumps(values))
    np.save(folder / "y.npy", work.y)
    if hasattr(work.X, "indptr"):
        from scipy import sparse

        sparse.save_npz(folder / "X.npz", work.X, compressed=False)
    else:
        np.save(folder / "X.npy", work.X)


def run_one(contender: str, folder: Path, optimum: float) -> None:
    import warnings

    warnings.simplefilter("ignore")
    work = load(folder)
    if contender == "optimum":
        work.X = work.X.astype(float)
        print(json.dumps(objective(work, maker("burly", work)(1e-10).fit(work.X, work.y))))
        return
    print(json.dumps(vars(climb(contender, work, optimum))))


def measure(python: str, contender: str, folder: Path, optimum: float, **extra: str) -> Any:
    env = {
        key: value
        for key, value in os.environ.items()
        if key not in {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}
    } | extra
    try:
        done = subprocess.run(
            [python, __file__, "--one", contender, "--folder", folder, "--optimum", repr(optimum)],
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return vars(Found(longest=LIMIT_S - PATIENCE_S))
    if done.returncode:
        print(f"  {contender} failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return vars(Found())
    return json.loads(done.stdout.splitlines()[-1])


def at_least(found: dict[str, Any]) -> float:
    """The seconds of a contender; where it did not get there, those of its longest fit."""
    return found["seconds"] if np.isfinite(found["seconds"]) else found["longest"]


def compare(name: str, python: str) -> tuple[float, float]:
    make, peers = WORKLOADS[name]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save(folder, make())
        optimum = measure(sys.executable, "optimum", folder, 0.0)
        ours = measure(sys.executable, "burly", folder, optimum)
        found = {peer: measure(python, peer, folder, optimum) for peer in peers}
    tried = {peer: it for peer, it in found.items() if at_least(it)}
    arrived = {peer: it for peer, it in tried.items() if np.isfinite(it["seconds"])}
    # A peer that did not arrive took longer than its longest fit, and counts with that.
    best = min(tried, key=lambda peer: at_least(tried[peer]))
    ratio = at_least(tried[best]) / ours["seconds"]
    more = "" if best in arrived else "more than "
    print(
        f"{name}: burly {ours['seconds'] * 1e3:.1f} ms (tol {ours['tol']:.0e}, gap {ours['gap']:.1e}; "
        f"by default {ours['rounds'][0]} rounds, {ours['rounds'][1]} over all rows) = "
        f"{more}{ratio:.1f} x {best}",
        flush=True,
    )
    for peer, it in found.items():
        late = "" if peer in arrived else "not there after "
        print(
            f"  {peer}: {late}{at_least(it):.3f} s at tol {it['tol']:.0e}, gap {it['gap']:.1e}",
            flush=True,
        )
    return ratio, min(it["gap"] for it in found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=sys.executable, help="python of the peers' venv")
    parser.add_argument("--only", choices=WORKLOADS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--optimum", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        run_one(args.one, args.folder, args.optimum)
        return
    cpuinfo = Path("/proc/cpuinfo").read_text()
    print(
        next(line for line in cpuinfo.splitlines() if "model name" in line), os.cpu_count(), "cores"
    )
    ratios = []
    for name in [args.only] if args.only else WORKLOADS:
        ratio, gap = compare(name, args.peers)
        ratios.append(ratio)
        if gap < -GAP:
            print(f"  a peer's objective is lower than the optimum by {-gap:.1e}: look into it")
    print(f"geometric mean {np.exp(np.mean(np.log(ratios))):.2f}, least {min(ratios):.2f}")


if __name__ == "__main__":
    main()
