"""Sparse rows: a pass beside reading them once, whole fits, and svmlight text beside scikit-learn's reader.

    python benchmarks/logistic_sparse.py

Processor time of one thread, which other work on the machine disturbs less; the best of several turns.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import dump_svmlight_file, load_svmlight_file

from _sparse_rows import tf_idf, zipf_counts
from burly import Dataset, LogisticRegression
from burly.data.arrays import from_arrays
from burly.data.partition import Partition
from burly.kernels import ThreadTeam
from burly.kernels.logistic import Bounds, LogisticRows, block_limit

TURNS = 7
TEXT_ROWS = 50_000


def best(work: Callable[[], Any], turns: int = TURNS) -> float:
    """Return the least seconds of processor time of several turns."""
    seconds = np.inf
    for _ in range(turns):
        began = time.process_time()
        work()
        seconds = min(seconds, time.process_time() - began)
    return seconds


def passes(name: str, X: Any, y: Any) -> None:
    data = from_arrays(X, y.astype(np.int32))
    shards = data.read(data.shards, 1).shards
    with ThreadTeam(1) as team:
        rows = LogisticRows(Partition(data.info, shards), team)
        rows.label([shard.y for shard in shards], 2)
        n, d = X.shape
        bounds = Bounds(rows.column_bounds(), 1.0, 100.0, n, block_limit(data.info.n_shards, n))
        coef = np.random.default_rng(0).normal(size=(1, d + 1)) * 0.1
        rows.evaluate(coef, bounds)
        full = best(lambda: rows.evaluate(coef, bounds))
        margins = best(lambda: rows.evaluate(coef, bounds, gradient=False))
    read = best(lambda: (X.data.max(), X.indices.max()))
    print(
        f"{name}: {X.nnz / n:.1f} values a row; one pass {full * 1e3:.1f} ms ({full / X.nnz * 1e9:.2f} ns a "
        f"value), margins alone {margins * 1e3:.1f}, reading values and columns once {read * 1e3:.1f}",
        flush=True,
    )


def fits(name: str, X: Any, y: Any) -> None:
    model = LogisticRegression(n_threads=1)
    seconds = best(lambda: model.fit(X, y), 3)
    print(f"{name}: default fit {seconds:.2f} s in {model.n_iter_[0]} iterations", flush=True)


def text(X: Any, y: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.svm"
        dump_svmlight_file(X[:TEXT_ROWS], y[:TEXT_ROWS], str(path), zero_based=False)
        mb = path.stat().st_size / 1e6
        data = Dataset(path).resolve()
        ours = best(lambda: data.read(data.shards, 1), 3)
        theirs = best(lambda: load_svmlight_file(str(path), dtype=np.float32), 2)
    print(
        f"svmlight: {mb / ours:.0f} MB/s a thread; scikit-learn {mb / theirs:.0f} MB/s", flush=True
    )


def main() -> None:
    for name, make in (("Zipf counts, 500k x 50k", zipf_counts), ("tf-idf, 300k x 50k", tf_idf)):
        X, y = make()
        passes(name, X, y)
        fits(name, X, y)
    text(X, y)


if __name__ == "__main__":
    main()
