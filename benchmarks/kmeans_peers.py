"""Lloyd's iteration beside scikit-learn, faiss and scikit-learn-intelex: same start, 20 iterations.

    python benchmarks/kmeans_peers.py --peers VENV/bin/python [--dtype float64] [--only
    NAME] [--alone]

Each contender runs in a process of its own, since threads of BLAS and OpenMP spin on after they
return. burly runs its default estimator; the peers, the dependency group "bench", may live in a
virtual environment of their own, with scikit-learn and pillow. With --alone every contender has one
core, and its processor time counts: for a machine with other work on it.
"""

# ruff: noqa: PLC0415 -- a process imports only its own contender
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

N_ITER = 20
WORKLOADS = {
    "1Mx32k100": (1_000_000, 32, 100),
    "1Mx8k10": (1_000_000, 8, 10),
    "200kx128k1000": (200_000, 128, 1000),
    "pixels2Mx3k64": (2_000_000, 3, 64),
    "100kx784k10": (100_000, 784, 10),
    "noise500kx16k50": (500_000, 16, 50),
}
PEERS = ("lloyd", "elkan", "faiss", "faiss-haswell", "intelex")


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(line for line in lines if "model name" in line)


def workload(name: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    n, d, k = WORKLOADS[name]
    rng = np.random.default_rng(0)
    if name.startswith("noise"):
        X = rng.random((n, d))
    elif name.startswith("pixels"):
        from sklearn.datasets import load_sample_images

        pixels = np.concatenate([image.reshape(-1, 3) for image in load_sample_images().images])
        X = np.resize(pixels, (n, d)).astype(float)
    else:
        means = rng.normal(size=(k, d)) * 3
        X = means[rng.integers(0, k, n)] + rng.normal(size=(n, d))
    X = np.ascontiguousarray(X, dtype=dtype)
    return X, X[rng.choice(n, k, replace=False)].copy()


def fit(contender: str, X: np.ndarray, start: np.ndarray) -> float:
    k = len(start)
    if contender.startswith("faiss"):
        import faiss

        model = faiss.Kmeans(
            X.shape[1], k, niter=N_ITER, max_points_per_centroid=len(X), min_points_per_centroid=1
        )
        model.train(X, init_centroids=start)
        squares, _ = model.index.search(X, 1)
        return float(squares.sum(dtype=float))
    if contender == "burly":
        from burly import KMeans
    else:
        if contender == "intelex":
            from sklearnex import patch_sklearn

            patch_sklearn(verbose=False)
        from sklearn.cluster import KMeans
    algorithm = contender if contender in {"lloyd", "elkan"} else "lloyd"
    model = KMeans(k, init=start, n_init=1, max_iter=N_ITER, tol=0, algorithm=algorithm)
    return float(model.fit(X).inertia_)


def run_one(contender: str, name: str, dtype: str, *, alone: bool) -> None:
    import warnings

    warnings.simplefilter("ignore")
    clock = time.perf_counter
    if alone:
        clock = time.process_time
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    X, start = workload(name, dtype)
    warm = X[: 20 * len(start)]
    fit(contender, warm, warm[: len(start)].copy())
    best = np.inf
    spent = clock()
    for number in range(20):
        began = clock()
        inertia = fit(contender, X, start)
        best = min(best, clock() - began)
        if clock() - spent > (2 if number > 1 else 8):
            break
    print(json.dumps({"seconds": best, "inertia": inertia}))


def measure(
    python: str, contender: str, name: str, args: argparse.Namespace, **extra: str
) -> dict[str, float]:
    env = {
        key: value
        for key, value in os.environ.items()
        if key not in {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}
    } | extra
    if contender == "faiss-haswell":
        env["OPENBLAS_CORETYPE"] = "Haswell"
    done = subprocess.run(
        [
            *(python, __file__, "--one", contender, "--only", name, "--dtype", args.dtype),
            *(["--alone"] if args.alone else []),
        ],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"  {contender} failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return {"seconds": np.inf, "inertia": np.nan}
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=sys.executable, help="python of the peers' venv")
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--only", choices=WORKLOADS)
    parser.add_argument("--alone", action="store_true", help="one core each, processor time")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        run_one(args.one, args.only, args.dtype, alone=args.alone)
        return
    peers = [p for p in PEERS if not (p.startswith("faiss") and args.dtype == "float64")]
    print(processor(), os.cpu_count(), "cores", args.dtype)
    ratios: dict[str, list[float]] = {"avx512": [], "avx2": []}
    for name in [args.only] if args.only else WORKLOADS:
        found = {peer: measure(args.peers, peer, name, args) for peer in peers}
        best = min(found, key=lambda peer: found[peer]["seconds"])
        print(name, {peer: round(found[peer]["seconds"], 3) for peer in peers}, flush=True)
        for kernels, row in ratios.items():
            ours = measure(sys.executable, "burly", name, args, BURLY_KERNELS=kernels)
            ratio = found[best]["seconds"] / ours["seconds"]
            off = ours["inertia"] / found["lloyd"]["inertia"] - 1
            row.append(ratio)
            print(f"  {kernels} {ours['seconds']:.4f} s = {ratio:.2f} x {best}; inertia {off:+.1e}")
    for kernels, row in ratios.items():
        print(f"{kernels}: geometric mean {np.exp(np.mean(np.log(row))):.2f}, least {min(row):.2f}")


if __name__ == "__main__":
    main()
