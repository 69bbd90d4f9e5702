import os
import pickle

import numpy as np
import obstore
import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.data.reading import read_all, rows_of

from burly.data.arrays import from_arrays
from burly.data.dataset import Dataset
from burly.data.storage import Credentials, Storage
from burly.data.upload import remove_upload, upload
from burly.exceptions import BurlyError, DataAccessError, DataChangedError, DataNotFoundError

X = np.random.default_rng(0).normal(size=(30_000, 4)).astype(np.float32)


def body_of(name, tmp_path):
    path = tmp_path / name
    if name.endswith(".npy"):
        np.save(path, X)
    elif name.endswith(".parquet"):
        parquet.write_table(pa.table({c: X[:, j] for j, c in enumerate("abcd")}), path)
    else:
        np.savetxt(path, X, "%.9g", ",", header="a,b,c,d", comments="")
    return path.read_bytes()


@pytest.fixture
def bucket(s3_environment):
    return s3_environment.new_bucket()


@pytest.mark.parametrize("name", ["x.npy", "x.csv", "x.csv.gz", "x.parquet"])
def test_every_format_is_read_from_s3(s3, bucket, tmp_path, name):
    obstore.put(s3.store(bucket), f"data/{name}", body_of(name, tmp_path))
    for source in (f"s3://{bucket}/data/{name}", f"s3://{bucket}/d*/x.*", f"s3://{bucket}/data"):
        assert np.array_equal(rows_of(read_all(Dataset(source).resolve(), 3)), X)


def test_credentials_can_travel_with_the_shards(s3, bucket, tmp_path, monkeypatch):
    obstore.put(s3.store(bucket), "x.npy", body_of("x.npy", tmp_path))
    credentials = Credentials(s3.settings())
    for name in credentials:
        monkeypatch.delenv(name)
    data = Dataset(f"s3://{bucket}/x.npy").resolve(credentials=credentials)
    travelled = pickle.loads(pickle.dumps(data))  # noqa: S301  as launchers send it
    assert np.array_equal(rows_of(read_all(travelled)), X)
    assert "owner" not in repr(data)


def test_a_missing_object_is_found_before_anything_runs(s3, bucket):
    obstore.put(s3.store(bucket), "x.npy", b"1")
    with pytest.raises(DataNotFoundError, match=f"nothing is at s3://{bucket}/y.npy"):
        Dataset(f"s3://{bucket}/y.npy").resolve()


@pytest.mark.parametrize("path", ["x.npy", "*.npy", "folder/"])
def test_a_missing_bucket_is_found_before_anything_runs(s3_environment, path):
    with pytest.raises(DataNotFoundError, match="s3://no-such-bucket/"):
        Dataset(f"s3://no-such-bucket/{path}").resolve()


@pytest.mark.parametrize("path", ["x.npy", "*.npy"])
def test_a_stranger_has_no_permission(s3, bucket, path):
    obstore.put(s3.store(bucket), "x.npy", b"1")
    with pytest.raises(DataAccessError, match="no permission for s3://"):
        Dataset(f"s3://{bucket}/{path}").resolve(credentials=s3.settings("stranger"))


def test_a_wrong_secret_has_no_permission(s3, bucket):
    wrong = {**s3.settings(), "AWS_SECRET_ACCESS_KEY": "guessed"}
    with pytest.raises(DataAccessError, match="no permission") as caught:
        Dataset(f"s3://{bucket}/x.npy").resolve(credentials=wrong)
    assert "guessed" not in str(caught.value)


@pytest.mark.parametrize("name", ["x.npy", "x.csv", "x.csv.gz", "x.parquet"])
def test_an_object_that_is_replaced_or_removed_under_a_run_is_an_error(s3, bucket, tmp_path, name):
    body, store = body_of(name, tmp_path), s3.store(bucket)
    obstore.put(store, name, body)
    data = Dataset(f"s3://{bucket}/{name}").resolve()
    obstore.put(store, name, body[:-1] + bytes([body[-1] ^ 1]))
    with pytest.raises(DataChangedError, match=f"{name} was replaced or removed"):
        read_all(data)
    obstore.delete(store, name)
    with pytest.raises(DataChangedError):
        read_all(data)


def test_a_local_file_that_is_replaced_under_a_run_is_an_error(tmp_path):
    np.save(tmp_path / "x.npy", X)
    data = Dataset(tmp_path / "x.npy").resolve()
    np.save(tmp_path / "x.npy", X[::2])
    with pytest.raises(DataChangedError):
        read_all(data)


def test_arrays_travel_through_s3_and_leave_nothing(s3, bucket):
    data = from_arrays(X, np.arange(len(X)))
    remote = upload(data, f"s3://{bucket}/run-1/in")
    found = read_all(remote, 2)
    assert np.array_equal(rows_of(found), X)
    assert np.concatenate([rows.y for rows in found])[-1] == len(X) - 1
    remove_upload(f"s3://{bucket}/run-1/in")
    assert obstore.list(s3.store(bucket)).collect() == []


def test_outputs_are_written_to_s3(s3, bucket):
    obstore.put(s3.store(bucket), "other", b"1")
    data = from_arrays(X)
    writer = data.writer(f"s3://{bucket}/out", file_format="npz")
    writer.prepare()
    for part in reversed(data.split(3)):
        partition = data.read(part, 1)
        writer(partition, {"x": np.concatenate([rows.X[:, 0] for rows in partition.shards])})
    writer.finish()
    assert [item["path"] for item in obstore.list(s3.store(bucket), "out").collect()] == [
        "out/part-00000000-00000004.npz"
    ]
    assert np.array_equal(writer.gather()["x"], X[:, 0])
    writer.remove()
    assert obstore.list(s3.store(bucket), "out").collect() == []


def test_outputs_for_a_missing_bucket_are_refused_before_anything_runs(s3_environment):
    with pytest.raises(
        DataNotFoundError, match="cannot write s3://no-such-bucket/x: there is no such"
    ):
        from_arrays(X).writer("s3://no-such-bucket/x").prepare()


def test_a_stranger_may_not_write(s3, bucket):
    with (
        Storage(s3.settings("stranger")) as storage,
        pytest.raises(
            DataAccessError, match=r"no permission to write s3://.*check the credentials"
        ),
    ):
        storage.create(f"s3://{bucket}/x", b"1")


@pytest.mark.parametrize("path", ["x.npy", "*.npy", "folder/"])
def test_without_credentials_it_is_said_which_are_missing(s3_environment, monkeypatch, path):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    # A server that gives no role, in place of what a machine of the cloud would ask.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", s3_environment.endpoint)
    with pytest.raises(
        DataAccessError, match=r"no credentials for s3://box/.*set AWS_ACCESS_KEY_ID and AWS_SECRET"
    ):
        Dataset(f"s3://box/{path}").resolve()


@pytest.mark.parametrize(
    ("uri", "settings", "message"),
    [
        (
            "s3://box/x",
            {"AWS_ACCESS_KEY_ID": "half"},
            "Missing SecretAccessKey.*set AWS_ACCESS_KEY_ID",
        ),
        (
            "s3://box/x",
            {"AWS_ENDPOINT_URL": "seaweed:8333"},
            "AWS_ENDPOINT_URL is 'seaweed:8333'.*http://",
        ),
        ("az://box/x", {}, "Account must be specified.*set AZURE_STORAGE_ACCOUNT_NAME"),
        (
            "gs://box/x",
            {"GOOGLE_APPLICATION_CREDENTIALS": "/no"},
            "/no.*set GOOGLE_APPLICATION_CREDENTIALS",
        ),
    ],
)
def test_settings_that_cannot_work_are_told_with_the_remedy(monkeypatch, uri, settings, message):
    for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BurlyError, match=message):
        Dataset(uri).resolve()


def test_variables_that_a_store_does_not_know_may_travel(s3, bucket, tmp_path):
    obstore.put(s3.store(bucket), "x.npy", body_of("x.npy", tmp_path))
    credentials = {**s3.settings(), "AWS_PROFILE": "work", "AWS_EXECUTION_ENV": "lab"}
    data = Dataset(f"s3://{bucket}/x.npy").resolve(credentials=credentials)
    assert np.array_equal(rows_of(read_all(data)), X)
