import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.reading import read_all, read_rows, rows_of

from burly.data import shards
from burly.data.dataset import Dataset
from burly.exceptions import ConfigurationError, DataError, ParseError, SchemaError


def saved(folder, array, name="x.npy"):
    np.save(folder / name, array)
    return folder / name


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.integers(1, 60_000),
    st.integers(1, 5),
    st.integers(1, 9),
    st.sampled_from(["f4", "f8", "i2", ">f4", "?", "u8"]),
)
def test_each_row_is_read_once(tmp_path, n_rows, n_columns, n_workers, dtype):
    X = np.arange(n_rows * n_columns).reshape(n_rows, n_columns).astype(dtype)
    data = Dataset(saved(tmp_path, X)).resolve()
    found = read_all(data, n_workers)
    assert rows_of(found).dtype == (np.float32 if dtype in ("f4", ">f4") else np.float64)
    assert np.array_equal(rows_of(found), X)
    assert [len(rows.X) for rows in found[:-1]] == [8192] * (len(found) - 1)
    assert data.info.n_rows == n_rows


def test_columns_can_be_label_and_weight(tmp_path):
    X = np.arange(12.0, dtype=np.float32).reshape(3, 4)
    (rows,) = read_all(Dataset(saved(tmp_path, X), label=3, weight=0).resolve())
    assert np.array_equal(rows.X, X[:, 1:3])
    assert rows.X.flags.c_contiguous
    assert np.array_equal(rows.y, X[:, 3])
    assert rows.y.dtype == np.float32
    assert rows.weights.dtype == np.float64


def test_a_smaller_dtype_can_be_asked_for(tmp_path):
    assert read_rows(saved(tmp_path, np.ones((2, 2))), dtype="float32").dtype == np.float32


def test_overflow_is_an_error(tmp_path):
    path = saved(tmp_path, np.array([[1.0, 1e300]]))
    with pytest.raises(ParseError, match=r"x.npy holds numbers that are too large for float32"):
        read_rows(path, dtype="float32")


def test_files_of_one_schema_follow_each_other(tmp_path):
    saved(tmp_path, np.zeros((2, 2)), "b.npy")
    saved(tmp_path, np.ones((1, 2)), "a.npy")
    assert read_rows(str(tmp_path / "*.npy")).tolist() == [[1, 1], [0, 0], [0, 0]]


def test_files_of_different_schemas_are_refused(tmp_path):
    saved(tmp_path, np.zeros((2, 2)), "a.npy")
    saved(tmp_path, np.zeros((2, 3)), "b.npy")
    with pytest.raises(SchemaError, match=r"b.npy has 3 columns of float64, but .*a.npy has 2"):
        Dataset(tmp_path).resolve()


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (np.zeros(3), SchemaError, r"shape \(3,\); two dimensions"),
        (np.asfortranarray(np.zeros((3, 2))), SchemaError, r"np.ascontiguousarray"),
        (np.zeros((3, 2), complex), SchemaError, r"holds complex128 where real numbers"),
        (np.array([["a", "b"]]), SchemaError, r"holds <U1 where real numbers"),
        (np.zeros((0, 2)), DataError, r"x.npy is empty"),
    ],
)
def test_other_arrays_are_refused(tmp_path, array, error, message):
    with pytest.raises(error, match=message):
        Dataset(saved(tmp_path, array)).resolve()


def test_pickled_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[object()]]), allow_pickle=True)
    with pytest.raises((SchemaError, ParseError)):
        Dataset(tmp_path / "x.npy").resolve()


def test_a_file_that_is_cut_short_is_an_error(tmp_path):
    path = saved(tmp_path, np.zeros((30, 2)))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ParseError, match=r"x.npy is cut short"):
        Dataset(path).resolve()


def test_a_file_that_is_no_npy_is_an_error(tmp_path):
    (tmp_path / "x.npy").write_bytes(b"not at all an array")
    with pytest.raises(ParseError, match=r"x.npy is not an NPY file"):
        Dataset(tmp_path / "x.npy").resolve()


def test_archives_are_refused_with_a_hint(tmp_path):
    np.savez(tmp_path / "x.npz", X=np.zeros((2, 2)))
    with pytest.raises(ConfigurationError, match=r"np.save\('X.npy'"):
        Dataset(tmp_path / "x.npz").resolve()


def test_rows_are_views_on_what_was_read(tmp_path):
    X = np.ones((20_000, 4), dtype=np.float32)
    found = read_all(Dataset(saved(tmp_path, X)).resolve())
    assert not any(rows.X.flags.owndata for rows in found)


def test_requests_are_of_some_megabytes(tmp_path):
    data = Dataset(saved(tmp_path, np.zeros((1 << 20, 4), np.float32))).resolve()
    runs = data.reader.runs(data.shards)
    assert [sum(s.n_bytes for s in run) for run in runs] == [shards.REQUEST_BYTES] * 2
