import os
import resource

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from scipy import sparse
from tests.data.reading import read_all, rows_of

from burly import Dataset, InProcess, KMeans, Lithops
from burly.data import outputs, upload
from burly.data.arrays import from_arrays
from burly.data.upload import remove_upload
from burly.exceptions import ConfigurationError, DataAccessError, DataError


def results(partition):
    X = np.concatenate([rows.X for rows in partition.shards])
    return {"label": X[:, 0].astype(np.int32), "distance": X[:, 1:3]}


def write_all(writer, data, n_workers, order=None):
    parts = data.split(n_workers)
    for rank in order or range(len(parts)):
        partition = data.read(parts[rank], 1)
        writer(partition, results(partition))


def files_in(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.fixture
def data():
    X = np.arange(3 * 100_000, dtype=np.float32).reshape(-1, 3)
    return from_arrays(X)


@pytest.mark.parametrize("file_format", ["parquet", "npz"])
@pytest.mark.parametrize("shards_a_file", [1, 3, 100])
def test_every_layout_writes_the_same_files(
    data, tmp_path, monkeypatch, file_format, shards_a_file
):
    monkeypatch.setattr(outputs, "OBJECT_BYTES", shards_a_file * 8192 * 12)
    found = []
    for n_workers in (1, 2, 5, 13):
        target = tmp_path / str(n_workers)
        writer = data.writer(str(target), file_format=file_format)
        write_all(writer, data, n_workers, reversed(range(n_workers)))
        writer.finish()
        found.append(files_in(target))
    assert len(found[0]) == -(-13 // shards_a_file)
    assert all(files == found[0] for files in found)


def test_parquet_holds_the_rows_in_order(data, tmp_path):
    writer = data.writer(str(tmp_path / "out"))
    write_all(writer, data, 3)
    writer.finish()
    table = parquet.read_table(tmp_path / "out")
    X = rows_of(read_all(data))
    assert table.column_names == ["label", "distance_0", "distance_1"]
    assert np.array_equal(table["label"].to_numpy(), X[:, 0])
    assert np.array_equal(table["distance_1"].to_numpy(), X[:, 2])


def test_arrays_come_back_in_order(data, tmp_path):
    writer = data.writer(str(tmp_path / "out"), file_format="npz")
    write_all(writer, data, 4)
    gathered = writer.gather()
    assert np.array_equal(gathered["distance"], rows_of(read_all(data))[:, 1:])
    writer.remove()
    assert not (tmp_path / "out").exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.floats(0, 1e7), min_size=1, max_size=200), st.integers(1, 4000))
def test_groups_cover_each_shard_once_and_are_of_about_64_mb(rows, width):
    writer = outputs.OutputWriter("/out", outputs.run_lengths(rows))
    groups = writer.groups({"x": np.zeros((0, width), np.float32)})
    assert [begin for begin, _ in groups] == [0, *(end for _, end in groups[:-1])]
    assert groups[-1][1] == len(rows)
    sizes = [sum(rows[begin:end]) * width * 4 for begin, end in groups]
    assert all(
        size <= outputs.OBJECT_BYTES or end - begin == 1 or sum(rows[begin : end - 1]) == 0
        for size, (begin, end) in zip(sizes, groups, strict=True)
    )


def test_a_rank_that_writes_twice_changes_nothing(data, tmp_path):
    writer = data.writer(str(tmp_path / "out"))
    write_all(writer, data, 3, [0, 0, 1, 1, 2, 2])
    writer.finish()
    assert parquet.read_table(tmp_path / "out").num_rows == 100_000


def test_a_missing_rank_is_noticed(data, tmp_path):
    writer = data.writer(str(tmp_path / "out"))
    write_all(writer, data, 3, [0, 2])
    with pytest.raises(DataError, match="is not complete"):
        writer.finish()


def test_a_folder_with_files_is_refused(data, tmp_path):
    (tmp_path / "old.parquet").write_bytes(b"x")
    with pytest.raises(ConfigurationError, match=r"already holds files \(.*old.parquet, say\)"):
        data.writer(str(tmp_path)).prepare()
    data.writer(str(tmp_path / "new")).prepare()


@pytest.mark.parametrize("below", ["", "/new", "/new/folders"])
def test_a_file_in_the_place_of_a_folder_is_found_before_anything_runs(data, tmp_path, below):
    (tmp_path / "model.npz").write_bytes(b"x")
    with pytest.raises(ConfigurationError, match=r"model.npz is a file: name a folder"):
        data.writer(f"{tmp_path}/model.npz{below}").prepare()


@pytest.mark.parametrize("below", ["", "/new", "/new/folders"])
def test_a_folder_that_cannot_be_written_is_found_before_anything_runs(
    data, tmp_path, monkeypatch, below
):
    # The superuser of a container may write to any folder.
    monkeypatch.setattr(os, "access", lambda path, _: path != str(tmp_path))
    with pytest.raises(DataAccessError, match=f"nothing can be written in {tmp_path}: check its"):
        data.writer(f"{tmp_path}{below}").prepare()


@pytest.fixture
def no_large_files():
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, former[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, former)


@pytest.mark.parametrize("launcher", [InProcess(), Lithops(n_workers=1, backend="localhost")])
@pytest.mark.usefixtures("no_large_files")
def test_a_file_that_cannot_be_written_ends_the_run_and_leaves_nothing(tmp_path, launcher):
    X = np.random.default_rng(0).normal(size=(30_000, 1))
    np.save(tmp_path / "x.npy", X)
    stored = Dataset(tmp_path / "x.npy")
    model = KMeans(20, random_state=0, max_iter=1, launcher=launcher).fit(stored)
    with pytest.raises(
        DataAccessError,
        match=r"cannot write \S+\.parquet: File too large; make room there, or name",
    ):
        model.transform(stored, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("width", [1, 8, 784])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("extras", [False, True])
def test_an_uploaded_array_has_the_same_shards(tmp_path, monkeypatch, width, dtype, extras):
    monkeypatch.setattr(upload, "OBJECT_BYTES", 3 * 8192 * width * 8)
    rng = np.random.default_rng(0)
    n = 40_000 if width < 100 else 9_000
    X = rng.normal(size=(n, width)).astype(dtype)
    y, weights = (rng.integers(0, 99, n).astype("U"), rng.random(n)) if extras else (None, None)
    local = from_arrays(X, y, weights)
    remote = upload.upload(local, str(tmp_path / "up"))
    assert remote.info == local.info
    for a, b in zip(read_all(local), read_all(remote, 3), strict=True):
        assert a.ordinal == b.ordinal
        assert np.array_equal(a.X, b.X)
        assert a.X.dtype == b.X.dtype
        if extras:
            assert np.array_equal(a.y, b.y)
            assert np.array_equal(a.weights, b.weights)
    remove_upload(str(tmp_path / "up"))
    assert not (tmp_path / "up").exists()


def test_an_upload_never_overwrites(tmp_path):
    data = from_arrays(np.zeros((10, 2)))
    upload.upload(data, str(tmp_path))
    with pytest.raises(ConfigurationError, match="already holds an upload"):
        upload.upload(data, str(tmp_path))


def test_an_uploaded_sparse_matrix_has_the_same_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(upload, "OBJECT_BYTES", 400_000)
    X = sparse.random(30_000, 300, 0.02, format="csr", random_state=0, dtype=np.float32)
    local = from_arrays(X, np.arange(30_000), np.linspace(0, 1, 30_000))
    remote = upload.upload(local, str(tmp_path / "up"))
    assert len({shard.object.uri for shard in remote.shards}) > 1
    for here, there in zip(read_all(local), read_all(remote, 3), strict=True):
        assert here.ordinal == there.ordinal
        for a, b in zip(parts(here), parts(there), strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
    remove_upload(str(tmp_path / "up"))


def parts(rows):
    return rows.X.data, rows.X.indices, rows.X.indptr, rows.y, rows.weights
