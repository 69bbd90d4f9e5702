"""The peak memory of a worker that reads its partition, for each format.

Run it as ``python benchmarks/memory.py [--rows N] [--columns N] [--repeats N]``. Each partition is read in a
process of its own, from what a launcher would have sent it.

The promise: the peak is at most 1.3 times the partition in its final dtype plus 64 MB above the
process after its imports.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from burly.data.allocator import ARROW_ENVIRONMENT, use_one_arena
from burly.data.arrays import from_arrays
from burly.data.dataset import Dataset
from burly.data.reading import read_partition
from burly.data.resolved import ResolvedDataset
from burly.data.upload import upload

FACTOR = 1.3
ALLOWANCE_BYTES = 64e6
STATUS = Path("/proc/self/status")


def memory_bytes(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def be_a_worker() -> None:
    """Read what standard input describes; print what it took."""
    # What the parent of this process pickled: the way launchers send it.
    info, reader, shards, n_threads = pickle.loads(sys.stdin.buffer.read())  # noqa: S301
    if reader.leaves_pieces:  # as in a function
        use_one_arena()
    before = memory_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts here
    partition = read_partition(info, reader, shards, n_threads=n_threads)
    peak = memory_bytes("VmHWM") - before
    print(json.dumps({"peak_bytes": peak, "partition_bytes": partition.n_bytes}))


def measure(data: ResolvedDataset, n_workers: int = 1, n_threads: int = 2) -> tuple[int, int]:
    """Return peak and partition of the last of so many workers, in bytes."""
    order = (data.info, data.reader, data.split(n_workers)[-1], n_threads)
    done = subprocess.run(
        [sys.executable, __file__, "--worker"],
        input=pickle.dumps(order),
        stdout=subprocess.PIPE,
        env=os.environ | ARROW_ENVIRONMENT,  # as functions have it
        check=True,
    )
    figures = json.loads(done.stdout)
    return figures["peak_bytes"], figures["partition_bytes"]


def bound_bytes(partition_bytes: int) -> float:
    return FACTOR * partition_bytes + ALLOWANCE_BYTES


def cases(folder: Path, n_rows: int, n_columns: int) -> Iterator[tuple[str, ResolvedDataset, int]]:
    X = np.random.default_rng(0).normal(size=(n_rows, n_columns)).astype(np.float32)
    np.save(folder / "f4.npy", X)
    yield "npy float32", Dataset(folder / "f4.npy").resolve(), 1
    np.save(folder / "i4.npy", (X * 1000).astype(np.int32))
    yield "npy int32 to float64", Dataset(folder / "i4.npy").resolve(), 1
    yield "uploaded array", upload(from_arrays(X), str(folder / "up")), 1
    table = pa.table({f"c{j}": X[:, j].astype(np.float64) for j in range(n_columns)})
    small = folder / "small.parquet"
    # Dictionaries of what hardly repeats take long to write: a few columns have them.
    some = table.column_names[::4]
    parquet.write_table(table, small, row_group_size=50_000, use_dictionary=some)
    yield "parquet, small row groups", Dataset(small).resolve(), 1
    large = folder / "large.parquet"
    parquet.write_table(table, large, row_group_size=n_rows, use_dictionary=False)
    yield "parquet, one row group", Dataset(large).resolve(), 1
    yield "parquet, half a row group", Dataset(large).resolve(), 2
    y = (X[:, 0] > 0).astype(np.int64)
    names = pa.DictionaryArray.from_arrays(y.astype(np.int32), ["no", "certainly"]).cast("string")
    more = table.append_column("y", pa.array(y)).append_column("t", names)
    more = more.append_column("w", pa.array(1 + X[:, 1] ** 2))
    large = folder / "more.parquet"
    parquet.write_table(more, large, row_group_size=n_rows, use_dictionary=["t"])
    features = table.column_names
    yield (
        "parquet, labels and weights",
        Dataset(large, columns=features, label="y", weight="w").resolve(),
        1,
    )
    yield "parquet, labels of text", Dataset(large, columns=features, label="t").resolve(), 1
    text = csv_of(X)
    (folder / "x.csv").write_bytes(text)
    yield "csv", Dataset(folder / "x.csv").resolve(), 1
    (folder / "x.csv.gz").write_bytes(gzip.compress(text, 1))
    roles = {"label": "c0", "weight": "c1"}
    yield "csv, labels and weights", Dataset(folder / "x.csv", **roles).resolve(), 1
    yield "csv.gz", Dataset(folder / "x.csv.gz").resolve(), 1


def csv_of(X: np.ndarray) -> bytes:
    """Return rows as text: a tenth of them ten times, in few digits, since text takes long to make."""
    some = pa.table({f"c{j}": X[: len(X) // 10, j].round(2) for j in range(X.shape[1])})
    text = io.BytesIO()
    csv.write_csv(some, text)
    head, _, body = text.getvalue().partition(b"\n")
    return head + b"\n" + 10 * body


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if options.worker:
        be_a_worker()
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, data, n_workers in cases(Path(folder), options.rows, options.columns):
            found = [measure(data, n_workers) for _ in range(options.repeats)]
            peaks, partition = sorted(peak for peak, _ in found), found[0][1]
            print(
                f"{name:28} partition {partition / 1e6:7.1f} MB  "
                f"peak {peaks[0] / 1e6:7.1f} to {peaks[-1] / 1e6:5.1f} MB  "
                f"allowed {bound_bytes(partition) / 1e6:7.1f} MB  "
                f"({peaks[-1] / bound_bytes(partition):4.0%})",
                flush=True,
            )


if __name__ == "__main__":
    main()
