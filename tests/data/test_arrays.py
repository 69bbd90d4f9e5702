import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse
from tests.data.reading import read_all, rows_of

from burly.data.arrays import from_arrays
from burly.data.dataset import Dataset
from burly.exceptions import ConfigurationError, DataError, SchemaError


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contiguous_floats_are_used_where_they_are(dtype):
    X = np.ones((20_000, 3), dtype)
    found = read_all(from_arrays(X))
    assert all(np.shares_memory(rows.X, X) for rows in found)
    assert [len(rows.X) for rows in found] == [8192, 8192, 3616]


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.bool_, np.float16, ">f8"])
def test_other_numbers_become_float64(dtype):
    X = np.array([[1, 0], [0, 1]]).astype(dtype)
    data = from_arrays(X)
    assert data.info.dtype == np.float64
    assert rows_of(read_all(data)).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("make", [np.asfortranarray, lambda X: np.repeat(X, 2, 0)[::2], list])
def test_rows_are_contiguous_whatever_was_given(make):
    X = np.arange(12.0).reshape(4, 3)
    (rows,) = read_all(from_arrays(make(X)))
    assert rows.X.flags.c_contiguous
    assert np.array_equal(rows.X, X)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]}),
        pd.DataFrame({"a": [1.0, 2.0], "b": pd.array([3, 4], "Int64")}),
        pa.table({"a": [1.0, 2.0], "b": [3, 4]}),
    ],
)
def test_frames_bring_names(frame):
    data = from_arrays(frame)
    assert data.info.feature_names == ("a", "b")
    assert data.info.dtype == np.float64
    assert rows_of(read_all(data)).tolist() == [[1, 3], [2, 4]]


def test_frames_of_float32_stay_float32():
    assert from_arrays(pd.DataFrame({"a": [1.0]}, dtype="float32")).info.dtype == np.float32


def test_missing_values_of_frames_are_nan():
    rows = rows_of(read_all(from_arrays(pd.DataFrame({"a": pd.array([1, None], "Int64")}))))
    assert np.array_equal(rows, [[1], [np.nan]], equal_nan=True)


def test_columns_of_frames_have_roles():
    frame = pd.DataFrame({"a": [1.0, 2.0], "t": ["x", "y"], "w": [1, 2], "y": ["u", "v"]})
    data = Dataset(frame, columns=["a"], label="y", weight="w").resolve()
    (rows,) = read_all(data)
    assert rows.X.tolist() == [[1], [2]]
    assert rows.y.tolist() == ["u", "v"]
    assert rows.y.dtype.kind == "U"
    assert rows.weights.tolist() == [1, 2]
    assert data.info.feature_names == ("a",)


def test_columns_of_arrays_have_roles():
    data = Dataset(np.arange(6.0).reshape(2, 3), label=2).resolve()
    assert read_all(data)[0].y.tolist() == [2, 5]


@pytest.mark.parametrize(
    "labels",
    [
        ["u", None, np.nan],
        pd.array(["u", None, None], "string"),
        np.array([1.5, np.nan, None], object),
    ],
)
def test_missing_labels_are_refused_with_their_number(labels):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "y": pd.Series(labels)})
    with pytest.raises(SchemaError, match=r"column 'y' of the frame has 2 missing among its 3"):
        Dataset(frame, label="y").resolve()
    with pytest.raises(SchemaError, match="y has 2 missing among its 3 entries"):
        from_arrays(np.zeros((3, 1)), np.asarray(labels, object))
    array = np.array([[1, entry] for entry in labels], object)
    with pytest.raises(SchemaError, match="column 1 of the array has 2 missing"):
        Dataset(array, label=1).resolve()


def test_labels_of_several_types_are_refused():
    with pytest.raises(SchemaError, match="y mixes types"):
        from_arrays(np.zeros((2, 1)), np.array(["u", 1], object))


def test_missing_values_of_frames_whose_columns_have_roles_are_nan():
    frame = pd.DataFrame({"a": pd.array([1, None], "Int64"), "y": pd.array([3, 4], "Int64")})
    (rows,) = read_all(Dataset(frame, label="y").resolve())
    assert np.array_equal(rows.X, [[1], [np.nan]], equal_nan=True)
    assert rows.y.tolist() == [3, 4]


def test_text_among_the_features_names_its_column():
    frame = pd.DataFrame({"a": [1, 2], "t": ["x", "y"], "y": [0, 1]})
    with pytest.raises(SchemaError, match="column 't' of the frame does not hold numbers"):
        Dataset(frame, label="y").resolve()


def test_two_columns_of_one_name_are_refused_where_names_have_roles():
    frame = pd.DataFrame([[1.0, 2.0, 0.0]], columns=["a", "a", "y"])
    with pytest.raises(SchemaError, match="more than one column named 'a'"):
        Dataset(frame, label="y").resolve()
    with pytest.raises(SchemaError, match="more than one column named 'a'"):
        from_arrays(frame.astype(object))
    assert from_arrays(frame).info.n_features == 3


def test_labels_and_weights_are_cut_with_the_rows():
    n = 10_000
    data = from_arrays(np.zeros((n, 1)), np.arange(n), np.ones(n, np.float32))
    first, second = read_all(data)
    assert (len(first.y), len(second.y)) == (8192, 1808)
    assert first.weights.dtype == np.float64
    assert second.y[-1] == n - 1
    assert data.info.weighted
    assert data.info.labelled


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros(3), SchemaError, r"shape \(3,\); X.reshape\(-1, 1\)"),
        (np.zeros((0, 2)), DataError, "X is empty: it has 0 rows"),
        (np.zeros((2, 0)), DataError, "0 features"),
        ([["a", "b"]], SchemaError, "X holds <U1 where real numbers"),
        (np.zeros((2, 2), complex), SchemaError, "complex128"),
        (np.array([[object()]]), SchemaError, "X does not hold numbers"),
        ([[1, 2], [3]], SchemaError, "X is not a table of numbers"),
        (sparse.csr_matrix((2, 0)), DataError, "0 features"),
        (sparse.csr_array(np.eye(3)[0]), SchemaError, "two dimensions"),
        (pd.DataFrame({"a": [1], "b": ["x"]}), SchemaError, "column 'b' of the frame"),
    ],
)
def test_other_things_are_refused(X, error, message):
    with pytest.raises(error, match=message):
        from_arrays(X)


def test_lengths_have_to_fit():
    with pytest.raises(SchemaError, match="y has 3 entries for the 2 rows of X"):
        from_arrays(np.zeros((2, 1)), y=[1, 2, 3])
    with pytest.raises(SchemaError, match="sample_weight must have one dimension"):
        from_arrays(np.zeros((2, 1)), sample_weight=np.zeros((2, 2)))


def test_values_are_not_looked_at():
    X = np.full((10, 2), np.nan)
    assert from_arrays(X).info.n_rows == 10


def test_labels_beside_stored_data_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"name its column: Dataset\(..., label=\)"):
        Dataset(tmp_path / "x.csv").resolve(y=[1])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"format": "xls"}, "format must be one of"),
        ({"dtype": "int8"}, "dtype must be float32 or float64"),
        ({"delimiter": ";;"}, "delimiter must be one ASCII character"),
        ({"delimiter": "→"}, "delimiter must be one ASCII character"),
        ({"columns": "abc"}, "columns must be a list"),
        ({"header": "yes"}, "header must be"),
    ],
)
def test_bad_parameters_are_refused_at_once(parameters, message):
    with pytest.raises(ConfigurationError, match=message):
        Dataset("x.csv", **parameters)
