"""The default ``KMeans(k).fit(X)`` beside scikit-learn's: seeding, iterations, labels and inertia.

    python benchmarks/kmeans_default.py [--dtype float64] [--only NAME] [--seeds 3]

Each contender runs in a process of its own, on the same seeds (which are not the same draws); what is
compared are the sums over the seeds, since one start needs more iterations than another.
"""

# ruff: noqa: PLC0415 -- a process imports only its own contender
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

from kmeans_peers import WORKLOADS, processor, workload

CONTENDERS = {
    "scikit-learn": {},
    "avx512": {"BURLY_KERNELS": "avx512"},
    "avx2": {"BURLY_KERNELS": "avx2"},
}


def run_one(contender: str, name: str, dtype: str, n_seeds: int) -> None:
    if contender == "scikit-learn":
        from sklearn.cluster import KMeans
    else:
        from burly import KMeans
    X, start = workload(name, dtype)
    KMeans(10, random_state=0).fit(X[:1000])
    found: dict[str, list[float]] = {"seconds": [], "inertia": [], "iterations": []}
    for seed in range(n_seeds):
        began = time.perf_counter()
        model = KMeans(len(start), random_state=seed).fit(X)
        found["seconds"].append(time.perf_counter() - began)
        found["inertia"].append(float(model.inertia_))
        found["iterations"].append(model.n_iter_)
    print(json.dumps(found))


def measure(contender: str, name: str, dtype: str, n_seeds: int) -> dict[str, list[float]]:
    env = {
        key: value
        for key, value in os.environ.items()
        if key not in {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}
    } | CONTENDERS[contender]
    command = [sys.executable, __file__, "--one", contender, "--only", name, "--dtype", dtype]
    done = subprocess.run(
        [*command, "--seeds", str(n_seeds)], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{contender} on {name}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--only", choices=WORKLOADS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--one", choices=CONTENDERS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        run_one(args.one, args.only, args.dtype, args.seeds)
        return
    print(processor(), os.cpu_count(), "cores", args.dtype, args.seeds, "seeds")
    for name in [args.only] if args.only else WORKLOADS:
        found = {each: measure(each, name, args.dtype, args.seeds) for each in CONTENDERS}
        theirs = found["scikit-learn"]
        for contender, ours in found.items():
            seconds = [round(value, 3) for value in ours["seconds"]]
            ratio = sum(theirs["seconds"]) / sum(ours["seconds"])
            off = np.mean(ours["inertia"]) / np.mean(theirs["inertia"]) - 1
            print(
                f"{name} {contender}: {seconds} s, {ours['iterations']} iterations; "
                f"{ratio:.2f} times as fast, inertia {off:+.2%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
