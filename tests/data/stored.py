"""What holds of every object store, for the tests of each."""

from __future__ import annotations

import gzip
import io

import numpy as np
import obstore
import pyarrow as pa
import pytest
from obstore.store import ObjectStore
from pyarrow import parquet
from tests.data.reading import read_all, rows_of

from burly import Dataset, KMeans

X = np.random.default_rng(0).normal(size=(30_000, 4)).astype(np.float32)


def check_format_is_read(store: ObjectStore, root: str, name: str) -> None:
    """Read ``X`` from a file by its name, by a pattern, and by its folder."""
    folder = name.partition(".")[2]
    obstore.put(store, f"{folder}/{name}", encoded(name))
    for source in (f"{root}/{folder}/{name}", f"{root}/{folder}/x*", f"{root}/{folder}"):
        assert np.array_equal(rows_of(read_all(Dataset(source).resolve(), 3)), X)


def check_labels_are_written(store: ObjectStore, root: str) -> None:
    """Write the labels of stored rows into the same bucket, once."""
    obstore.put(store, "all/x.npy", encoded("x.npy"))
    stored = Dataset(f"{root}/all/x.npy")
    model = KMeans(5, random_state=0).fit(stored)
    model.predict(stored, out=f"{root}/labels")
    written = [item["path"] for page in obstore.list(store, "labels") for item in page]
    tables = [parquet.read_table(pa.BufferReader(obstore.get(store, p).bytes())) for p in written]
    np.testing.assert_array_equal(pa.concat_tables(tables)["labels"], model.predict(X))
    with pytest.raises(Exception, match="labels"):
        model.predict(stored, out=f"{root}/labels")


def encoded(name: str) -> bytes:
    """Return ``X`` as a file of the format that its name ends in."""
    file = io.BytesIO()
    if name.endswith("npy"):
        np.save(file, X)
    elif "csv" in name:
        np.savetxt(file, X, "%.9g", ",", header="a,b,c,d", comments="")
    else:
        parquet.write_table(pa.table({c: X[:, j] for j, c in enumerate("abcd")}), file)
    data = file.getvalue()
    return gzip.compress(data) if name.endswith(".gz") else data
