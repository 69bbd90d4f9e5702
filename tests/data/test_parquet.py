from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from tests.data.reading import read_all, read_rows, rows_of

from burly.data import read_parquet
from burly.data.dataset import Dataset
from burly.exceptions import DataError, ParseError, SchemaError


def saved(folder, columns, name="x.parquet", **options):
    parquet.write_table(pa.table(columns), folder / name, **options)
    return folder / name


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
@given(st.integers(1, 40_000), st.integers(500, 50_000), st.integers(1, 9), st.booleans())
def test_each_row_is_read_once(tmp_path, monkeypatch, n_rows, group_rows, n_workers, streamed):
    a, b = np.arange(n_rows, dtype=np.float64), np.arange(n_rows) % 7
    path = saved(tmp_path, {"a": a, "b": b}, row_group_size=group_rows)
    with monkeypatch.context() as patch:
        if streamed:
            patch.setattr(read_parquet, "REQUEST_BYTES", 20_000)
            patch.setattr(read_parquet, "_PORTION_BYTES", 10_000)
            patch.setattr(read_parquet, "_WINDOW_BYTES", 7_000)
            patch.setattr(read_parquet, "_BUFFER_BYTES", 5_000)
        data = Dataset(path).resolve()
        found = read_all(data, n_workers)
    assert np.array_equal(rows_of(found), np.column_stack([a, b]).astype(np.float32))
    assert [rows.ordinal for rows in found] == list(range(data.info.n_shards))
    assert all(0 < len(rows.X) <= 8192 for rows in found)
    assert [len(rows.X) for rows in found] == [len(rows.X) for rows in read_all(data)]


def test_many_columns_are_read_some_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(read_parquet, "REQUEST_BYTES", 10_000)
    monkeypatch.setattr(read_parquet, "_PORTION_BYTES", 200_000)
    X = np.random.default_rng(0).normal(size=(9000, 10))
    columns = {f"c{j}": X[:, j] for j in range(10)} | {"y": [f"{i % 3}" for i in range(9000)]}
    found = read_all(Dataset(saved(tmp_path, columns), label="y", weight="c2").resolve(), 2)
    kept = [0, 1, 3, 4, 5, 6, 7, 8, 9]
    assert np.array_equal(rows_of(found), X[:, kept].astype(np.float32))
    assert np.array_equal(np.concatenate([rows.weights for rows in found]), X[:, 2])
    assert np.concatenate([rows.y for rows in found]).tolist() == columns["y"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([1, None], pa.int64()), [1, np.nan]),
        (pa.array([2**53 + 1, None], pa.int64()), [2**53, np.nan]),
        (pa.array([True, False]), [1, 0]),
        (pa.array([True, None]), [1, np.nan]),
        (pa.array([1.5, None], pa.float32()), [1.5, np.nan]),
        (pa.array([Decimal("1.25"), Decimal(2)]), [1.25, 2]),
        (pa.array([1, 2], pa.uint8()), [1, 2]),
        (pa.array(np.array([1, 2], np.float16)), [1, 2]),
    ],
)
def test_every_kind_of_number_becomes_float32(tmp_path, values, expected):
    rows = read_rows(saved(tmp_path, {"a": values}))
    assert rows.dtype == np.float32
    assert np.array_equal(rows[:, 0], np.array(expected, np.float32), equal_nan=True)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (pa.array([1, 2], pa.int8()), "|i1"),
        (pa.array([1.5, 2.0]), "<f8"),
        (pa.array(["x", "yy"]), "<U2"),
        (pa.array(["x", "yy"]).dictionary_encode(), "<U2"),
        (pa.array([True, False]), "|b1"),
    ],
)
def test_a_label_keeps_its_own_type(tmp_path, values, dtype):
    (rows,) = read_all(Dataset(saved(tmp_path, {"a": [1, 2], "y": values}), label="y").resolve())
    assert rows.y.dtype.str == dtype
    assert rows.y.tolist() == values.to_pylist()


def test_columns_are_found_by_name_in_every_file(tmp_path):
    saved(tmp_path, {"a": [1], "b": [2]}, "1.parquet")
    saved(tmp_path, {"extra": ["x"], "b": [4], "a": [3]}, "2.parquet")
    assert read_rows(tmp_path).tolist() == [[1, 2], [3, 4]]


def test_a_column_that_a_file_lacks_is_an_error(tmp_path):
    saved(tmp_path, {"a": [1], "b": [2]}, "1.parquet")
    saved(tmp_path, {"a": [1]}, "2.parquet")
    with pytest.raises(SchemaError, match=r"2.parquet has no columns named 'b'"):
        Dataset(tmp_path).resolve()


def test_text_in_the_place_of_numbers_is_found_before_anything_runs(tmp_path):
    path = saved(tmp_path, {"a": [1], "b": ["x"]})
    with pytest.raises(SchemaError, match=r"column 'b' of .*x.parquet is string where numbers"):
        Dataset(path).resolve()


def test_an_unknown_column_names_the_nearest(tmp_path):
    path = saved(tmp_path, {"height": [1], "width": [2]})
    with pytest.raises(SchemaError, match=r"no column 'hieght'; did you mean 'height'\?"):
        Dataset(path, columns=["hieght"]).resolve()


def test_overflow_is_an_error(tmp_path):
    path = saved(tmp_path, {"a": [1.0, 1e300]})
    with pytest.raises(ParseError, match=r"column 'a' of .*too large for float32; use dtype="):
        read_rows(path)
    assert read_rows(path, dtype="float64").tolist() == [[1.0], [1e300]]


def test_the_index_of_pandas_is_no_feature_unless_it_is_asked_for(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}, index=[7, 9])
    frame.to_parquet(tmp_path / "1.parquet")
    assert read_rows(tmp_path / "1.parquet").tolist() == [[1, 3], [2, 4]]
    asked = ["__index_level_0__", "a"]
    assert read_rows(tmp_path / "1.parquet", columns=asked).tolist() == [[7, 1], [9, 2]]
    frame.set_index("b").to_parquet(tmp_path / "2.parquet")
    data = Dataset(tmp_path / "2.parquet", label="b").resolve()
    assert data.info.feature_names == ("a",)
    assert read_all(data)[0].y.tolist() == [3, 4]


def test_an_index_that_only_counts_is_no_column(tmp_path):
    pd.DataFrame({"a": [1.0, 2.0]}).to_parquet(tmp_path / "x.parquet")
    assert read_rows(tmp_path / "x.parquet").tolist() == [[1], [2]]


def test_text_labels_may_grow_longer(tmp_path):
    labels = [["u", "long", "longest"][i // 10_000] for i in range(30_000)]
    data = Dataset(saved(tmp_path, {"a": np.zeros(30_000), "y": labels}), label="y").resolve()
    for n_workers in (1, 3):
        y = [label for rows in read_all(data, n_workers) for label in rows.y.tolist()]
        assert y == labels


def test_a_missing_label_is_an_error(tmp_path):
    data = Dataset(saved(tmp_path, {"a": [1, 2], "y": ["x", None]}), label="y").resolve()
    with pytest.raises(ParseError, match=r"the label in column 'y' of .* is missing"):
        read_all(data)


def test_a_file_without_rows_is_refused(tmp_path):
    with pytest.raises(DataError, match="is empty"):
        Dataset(saved(tmp_path, {"a": pa.array([], pa.float64())})).resolve()


@pytest.mark.parametrize("content", [b"", b"PAR1", b"x" * 1000])
def test_a_file_that_is_no_parquet_is_an_error(tmp_path, content):
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(ParseError, match="is not a Parquet file"):
        Dataset(tmp_path / "x.parquet").resolve()


def test_damaged_pages_are_an_error(tmp_path):
    path = saved(tmp_path, {"a": np.random.default_rng(0).normal(size=5000)})
    content = bytearray(path.read_bytes())
    content[4:2000] = bytes(1996)
    path.write_bytes(content)
    with pytest.raises(ParseError, match=r"x.parquet, row group 0"):
        read_rows(path)


def test_fewer_row_groups_than_workers_are_read_with_a_warning(tmp_path):
    data = Dataset(saved(tmp_path, {"a": np.arange(50_000.0)})).resolve()
    assert rows_of(read_all(data, 4))[:, 0].tolist() == list(range(50_000))
    (note,) = data.notes_for(4)
    assert "4 workers share 1 row group of Parquet" in note
    assert "4.0 times the bytes" in note
    assert data.notes_for(1) == []


def test_fewer_shards_than_workers_are_noted(tmp_path):
    data = Dataset(saved(tmp_path, {"a": [1.0, 2.0]})).resolve()
    assert data.notes_for(3) == ["the data has only 1 shard, so it goes to 1 worker, not 3"]


def test_small_row_groups_share_a_request(tmp_path):
    path = saved(tmp_path, {"a": np.arange(10_000.0)}, row_group_size=100)
    data = Dataset(path).resolve()
    assert len(data.reader.runs(data.shards)) == 1
