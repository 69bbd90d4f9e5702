"""How fast a worker reads, beside obstore with pyarrow or NumPy alone: same bytes, same threads.

Run it as ``python benchmarks/reading.py [--rows N] [--columns N] [--folder URI]``; the folder is a
local one by default, or ``s3://bucket/prefix`` with the usual variables set. The others fetch
ranges of 8 MiB in parallel and parse with as many threads; what they end with is a table of columns
(which a kernel cannot use), or rows as burly's.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from burly.data.dataset import Dataset
from burly.data.storage import Storage
from burly.data.uris import absolute

CHUNK_BYTES = 8 << 20


def fetch(storage: Storage, uri: str, pool: ThreadPoolExecutor) -> list[Any]:
    item = storage.head(uri)
    begins = range(0, item.size, CHUNK_BYTES)
    return list(
        pool.map(
            lambda begin: storage.read(item, begin, min(begin + CHUNK_BYTES, item.size)), begins
        )
    )


def rows_of(table: pa.Table) -> np.ndarray[Any, Any]:
    rows = np.empty((table.num_rows, table.num_columns), np.float32)
    for j, column in enumerate(table.columns):
        rows[:, j] = column.to_numpy()
    return rows


def read_npy(chunks: list[Any], _: int) -> list[Any]:
    return [np.frombuffer(chunk, np.uint8) for chunk in chunks]


def read_csv(chunks: list[Any], n_columns: int) -> pa.Table:
    types = {f"c{j}": pa.float32() for j in range(n_columns)}
    options = csv.ConvertOptions(column_types=types)
    return csv.read_csv(pa.BufferReader(b"".join(chunks)), convert_options=options)


def read_parquet(chunks: list[Any], _: int) -> pa.Table:
    return parquet.read_table(pa.BufferReader(b"".join(chunks)))


def best_of(function: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        function()
        times.append(time.perf_counter() - begun)
    return min(times)


def bodies(n_rows: int, n_columns: int) -> dict[str, bytes]:
    X = np.random.default_rng(0).normal(size=(n_rows, n_columns)).astype(np.float32)
    table = pa.table({f"c{j}": X[:, j] for j in range(n_columns)})
    written: dict[str, Any] = {name: BytesIO() for name in ("x.npy", "x.csv", "small.parquet")}
    np.save(written["x.npy"], X)
    csv.write_csv(table, written["x.csv"])
    parquet.write_table(table, written["small.parquet"], row_group_size=100_000)
    written["large.parquet"] = BytesIO()
    parquet.write_table(table, written["large.parquet"], row_group_size=n_rows)
    return {name: body.getvalue() for name, body in written.items()}


def compare(storage: Storage, uri: str, n_columns: int, options: argparse.Namespace) -> None:
    parse = {"npy": read_npy, "csv": read_csv, "parquet": read_parquet}[uri.rpartition(".")[2]]
    data = Dataset(uri).resolve()

    def alone() -> Any:
        with ThreadPoolExecutor(options.threads) as pool:
            return parse(fetch(storage, uri, pool), n_columns)

    ours = best_of(lambda: data.read(data.shards, options.threads), options.repeats)
    theirs = best_of(alone, options.repeats)
    line = f"{uri.rpartition('/')[2]:14} burly {ours:6.3f} s"
    line += f"   alone {theirs:6.3f} s ({theirs / ours:5.0%})"
    if parse is not read_npy:
        as_rows = best_of(lambda: rows_of(alone()), options.repeats)
        line += f"   alone, as rows {as_rows:6.3f} s ({as_rows / ours:5.0%})"
    print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder")
    options = parser.parse_args()
    pa.set_cpu_count(options.threads)
    print(f"{platform.processor() or platform.machine()}, {options.threads} threads")
    with tempfile.TemporaryDirectory() as local, Storage() as storage:
        folder = absolute(options.folder or local).rstrip("/")
        for name, body in bodies(options.rows, options.columns).items():
            item = storage.create(f"{folder}/{name}", body) or storage.head(f"{folder}/{name}")
            compare(storage, item.uri, options.columns, options)
            storage.remove([item])


if __name__ == "__main__":
    main()
