import csv
import gzip

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.reading import read_all, read_rows, rows_of, write

from burly.data import lines, shards
from burly.data.csv_text import quotes_span_lines
from burly.data.dataset import Dataset
from burly.exceptions import DataError, ParseError, SchemaError

LINE_ENDS = st.sampled_from(["\n", "\r\n", "\n\n", "\r\n\r\n"])


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, list[list[int]]]:
    n_rows, n_columns = draw(st.integers(1, 40)), draw(st.integers(1, 4))
    cell = st.integers(-(10 ** draw(st.integers(1, 7))), 10**3)
    rows = draw(
        st.lists(
            st.lists(cell, min_size=n_columns, max_size=n_columns), min_size=n_rows, max_size=n_rows
        )
    )
    lines = [",".join(map(str, row)) for row in rows]
    text = "".join(line + draw(LINE_ENDS) for line in lines)
    return (text if draw(st.booleans()) else text.rstrip("\r\n")), rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts(), st.integers(1, 60), st.integers(1, 9), st.integers(1, 3), st.booleans())
def test_each_row_is_read_once_whatever_line_ends_and_shards_and_workers(
    tmp_path, monkeypatch, drawn, shard_bytes, n_workers, tail_bytes, header
):
    text, rows = drawn
    names = ",".join("abcd"[: len(rows[0])]) + "\n" if header else ""
    with monkeypatch.context() as patch:
        patch.setattr(lines, "SHARD_BYTES", shard_bytes)
        patch.setattr(lines, "_TAIL_BYTES", tail_bytes)
        path = write(tmp_path, "x.csv", names + text)
        data = Dataset(path, header=header).resolve()
        found = read_all(data, n_workers)
    assert [part.ordinal for part in found] == list(range(data.info.n_shards))
    assert rows_of(found).tolist() == np.array(rows, np.float32).tolist()
    assert len(rows) <= data.info.max_rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts(), st.integers(1, 60), st.integers(2, 9))
def test_shards_do_not_depend_on_the_number_of_workers(tmp_path, monkeypatch, drawn, size, n):
    with monkeypatch.context() as patch:
        patch.setattr(lines, "SHARD_BYTES", size)
        data = Dataset(write(tmp_path, "x.csv", drawn[0]), header=False).resolve()
        one, many = read_all(data, 1), read_all(data, n)
    assert [(a.ordinal, a.X.tolist()) for a in one] == [(b.ordinal, b.X.tolist()) for b in many]


def test_a_line_longer_than_several_shards_is_read_once(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "SHARD_BYTES", 10)
    monkeypatch.setattr(lines, "_TAIL_BYTES", 3)
    monkeypatch.setattr(shards, "REQUEST_BYTES", 10)
    text = "1,2\n" + "0" * 200 + "3,4\n5,6\n"
    data = Dataset(write(tmp_path, "x.csv", text), header=False).resolve()
    assert rows_of(read_all(data, 20)).tolist() == [[1, 2], [3, 4], [5, 6]]


def test_lone_carriage_returns_end_lines_too(tmp_path):
    assert read_rows(write(tmp_path, "x.csv", "1,2\r3,4\r")).tolist() == [[1, 2], [3, 4]]


def test_compressed_files_are_one_shard(tmp_path):
    rows = np.arange(60_000, dtype=np.float32).reshape(-1, 3)
    text = "a,b,c\n" + "\n".join(",".join(f"{cell:.9e}" for cell in row) for row in rows)
    packed = gzip.compress(text[:1000].encode()) + gzip.compress(text[1000:].encode())
    data = Dataset(write(tmp_path, "x.csv.gz", packed)).resolve()
    found = read_all(data, 4)
    assert data.info.n_shards == 1
    assert data.info.feature_names == ("a", "b", "c")
    assert np.array_equal(rows_of(found), rows)


def test_a_compressed_file_that_is_cut_short_is_an_error(tmp_path):
    packed = gzip.compress(b"1,2\n" * 1000)[:-10]
    with pytest.raises(ParseError, match=r"x.csv.gz is cut short"):
        read_rows(write(tmp_path, "x.csv.gz", packed))


def test_several_files_are_read_in_the_order_of_their_names(tmp_path):
    for i in (2, 0, 1):
        write(tmp_path, f"part-{i}.csv", f"a,b\n{i},0\n")
    assert read_rows(tmp_path).tolist() == [[0, 0], [1, 0], [2, 0]]


def test_a_byte_order_mark_is_no_data(tmp_path):
    path = write(tmp_path, "x.csv", b"\xef\xbb\xbfa,b\n1,2\n")
    assert Dataset(path).resolve().info.feature_names == ("a", "b")


@pytest.mark.parametrize(
    ("text", "header", "names"),
    [
        ("a,b\n1,2\n", None, ("a", "b")),
        ("1,2\n3,4\n", None, ()),
        (" a ,b\n1,2\n", None, ("a", "b")),
        ("1,b\n1,2\n", True, ("1", "b")),
        ("1,\n1,2\n", None, ()),
        ("nan,1\n1,2\n", None, ()),
    ],
)
def test_a_header_is_told_from_the_first_line(tmp_path, text, header, names):
    data = Dataset(write(tmp_path, "x.csv", text), header=header).resolve()
    assert data.info.feature_names == names
    assert len(rows_of(read_all(data))) == (1 if names else 2)


def test_a_first_line_of_numbers_and_words_asks_for_header(tmp_path):
    with pytest.raises(SchemaError, match=r"\(1,b\).*header=True or header=False"):
        Dataset(write(tmp_path, "x.csv", "1,b\n1,2\n")).resolve()


def test_files_with_different_headers_are_refused(tmp_path):
    write(tmp_path, "a.csv", "a,b\n1,2\n")
    write(tmp_path, "b.csv", "b,a\n1,2\n")
    with pytest.raises(SchemaError, match=r"b.csv starts with b,a, but .*a.csv with a,b"):
        Dataset(tmp_path).resolve()


def test_a_column_without_a_name_is_no_feature_unless_it_is_asked_for(tmp_path):
    path = write(tmp_path, "x.csv", ",b,y\n0,2,3\n")
    with pytest.raises(SchemaError, match=r"column 0 of .*x.csv has no name, .*\(index=False\)"):
        Dataset(path, label="y").resolve()
    assert read_rows(path, columns=[0, "b"]).tolist() == [[0, 2]]
    data = Dataset(path).resolve(learnt=["b"])
    assert data.info.feature_names == ("b",)
    assert Dataset(path, label=0).resolve().info.feature_names == ("b", "y")


def test_columns_keep_the_order_in_which_they_are_asked_for(tmp_path):
    path = write(tmp_path, "x.csv", "a,b,t,w,y\n1,2,text,0.5,7\n3,4,more,1.5,8\n")
    (rows,) = read_all(Dataset(path, columns=["b", "a"], weight="w", label="y").resolve())
    assert rows.X.tolist() == [[2, 1], [4, 3]]
    assert rows.X.dtype == np.float32
    assert rows.weights.tolist() == [0.5, 1.5]
    assert rows.y.dtype == np.int64
    assert rows.y.tolist() == [7, 8]


@pytest.mark.parametrize(
    ("label", "dtype"),
    [("1\n2", "<i8"), ("1.5\n2", "<f8"), ("x\nyy", "<U2"), ("True\nfalse", "|b1"), ("é\nb", "<U1")],
)
def test_a_label_keeps_its_own_type(tmp_path, label, dtype):
    first, second = label.split("\n")
    path = write(tmp_path, "x.csv", f"a,y\n1,{first}\n2,{second}\n")
    assert read_all(Dataset(path, label="y").resolve())[0].y.dtype.str == dtype


def test_float64_is_read_to_the_last_digit(tmp_path):
    path = write(tmp_path, "x.csv", "0.1,1e300\n")
    assert read_rows(path, dtype="float64").tolist() == [[0.1, 1e300]]


def test_missing_numbers_are_nan_and_infinity_stays(tmp_path):
    rows = read_rows(write(tmp_path, "x.csv", "a,b\n,NA\ninf,1\n"))
    assert np.isnan(rows[0]).all()
    assert rows[1].tolist() == [np.inf, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,x\n", r"x.csv, line 3: column 'b' holds 'x' where a number is needed"),
        ("1,2\n3\n", r"x.csv, line 2: it has 1 fields where 2 are needed"),
        ("1,2\n3,4,5\n", r"x.csv, line 2: it has 3 fields where 2 are needed"),
        ("1,2\n\n3,1e39\n", r"line 3: column 1 holds 1e39, which is too large for float32; use"),
        ('a,b\n1,2\nx",3,"y\n"\n', r"line 3: a quoted field goes on after the end of its line"),
        ('a,b\n1,2\n"3\n",4\n', r"line 3: a quoted field goes on after the end of its line"),
    ],
)
def test_errors_name_the_file_the_line_and_the_column(tmp_path, text, message):
    with pytest.raises(ParseError, match=message):
        Dataset(write(tmp_path, "x.csv", text)).resolve()


def test_errors_beyond_the_first_lines_name_their_line_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "SHARD_BYTES", 64)
    path = write(tmp_path, "x.csv", "a,b\n" + "1,2\n" * 500 + "3,oops\n" + "1,2\n" * 500)
    data = Dataset(path).resolve()
    with pytest.raises(ParseError, match=r"x.csv, line 502: column 'b' holds 'oops'"):
        read_all(data, 3)


def test_errors_in_compressed_files_name_their_line(tmp_path):
    text = "a,b\n" + "1,2\n" * 600_000 + "3,oops\n"
    data = Dataset(write(tmp_path, "x.csv.gz", gzip.compress(text.encode(), 1))).resolve()
    with pytest.raises(ParseError, match=r"line 600002: column 'b' holds 'oops'"):
        read_all(data)


def test_a_label_of_another_type_than_the_first_ones_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "SHARD_BYTES", 16)
    path = write(tmp_path, "x.csv", "a,y\n" + "1,2\n" * 50 + "1,x\n")
    data = Dataset(path, label="y").resolve()
    with pytest.raises(ParseError, match=r"line 52: the label in column 'y' is 'x', but .* int64"):
        read_all(data)


@pytest.mark.parametrize("missing", ["", "NA", '"nan"'])
def test_a_missing_label_is_an_error(tmp_path, missing):
    path = write(tmp_path, "x.csv", f"a,y\n1,u\n2,{missing}\n")
    with pytest.raises(ParseError, match=r"x.csv, line 3: the label in column 'y' is missing"):
        Dataset(path, label="y").resolve()
    assert read_rows(path, columns=["a"]).tolist() == [[1], [2]]


def test_quotes_inside_text_are_characters(tmp_path):
    lines = ['5" pipe,1,u"', 'a",2,"b ""c"""', '"d"e,3,""', ' "f,4,g"h"', '"i,"",j",5,k']
    path = write(tmp_path, "x.csv", "t,a,y\n" + "".join(line + "\n" for line in lines))
    (rows,) = read_all(Dataset(path, columns=["a"]).resolve())
    assert rows.X.tolist() == [[1], [2], [3], [4], [5]]


@given(st.lists(st.text('",;a', max_size=12), min_size=1, max_size=5), st.sampled_from(",;"))
def test_a_line_spans_where_a_reader_that_may_go_on_would(rows, delimiter):
    text = "\n".join(rows)
    found = quotes_span_lines(text.encode(), delimiter)
    alone = [next(csv.reader([row + "\n"], delimiter=delimiter))[-1:] for row in rows]
    spans = [bool(last) and last[0].endswith("\n") for last in alone]
    assert found == (spans.index(True) if any(spans) else None)


def test_quotes_around_single_fields_are_fine(tmp_path):
    path = write(tmp_path, "x.csv", '"a","b ""x"""\n"1",2\n3,"4"\n')
    assert read_rows(path).tolist() == [[1, 2], [3, 4]]


def test_other_delimiters_are_read(tmp_path):
    path = write(tmp_path, "x.tsv", "a\tb\n1\t2\n")
    assert read_rows(path, format="csv", delimiter="\t").tolist() == [[1, 2]]


@pytest.mark.parametrize("text", ["", "a,b\n", "\n\n", "a,b\n\n\n"])
def test_files_without_rows_are_refused(tmp_path, text):
    with pytest.raises(DataError, match=r"x.csv is empty"):
        Dataset(write(tmp_path, "x.csv", text)).resolve()


def test_two_columns_of_one_name_are_refused(tmp_path):
    with pytest.raises(SchemaError, match="more than one column named 'a'"):
        Dataset(write(tmp_path, "x.csv", "a,a\n1,2\n")).resolve()


def test_a_small_file_says_how_many_rows_it_has(tmp_path):
    info = Dataset(write(tmp_path, "x.csv", "a,b\n1,2\n3,4")).resolve().info
    assert info.n_rows == 2
    assert not info.in_memory


def test_a_compressed_file_is_taken_for_as_many_rows_as_it_unpacks_to(tmp_path):
    rows = np.random.default_rng(0).integers(0, 9, (300_000, 4))
    text = "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows).encode()
    half = text[: len(text) // 2]
    packed = gzip.compress(half, 1) + gzip.compress(text[len(half) :], 1)
    write(tmp_path, "a.csv", half)
    write(tmp_path, "b.csv.gz", packed)
    data = Dataset([tmp_path / "a.csv", tmp_path / "b.csv.gz"]).resolve()
    n_rows = [data.estimated_rows(shard) for shard in data.shards]
    assert sum(n_rows[:-1]) == pytest.approx(150_000, rel=0.1)
    assert n_rows[-1] == pytest.approx(300_000, rel=0.1)


def test_a_compressed_file_that_is_damaged_early_is_an_error(tmp_path):
    packed = gzip.compress(b"1,2\n" * 50_000) + b"\xff" * 99
    with pytest.raises(ParseError, match=r"x.csv.gz is not a gzip file, or is damaged"):
        Dataset(write(tmp_path, "x.csv.gz", bytes(packed))).resolve()


def test_a_first_line_that_no_delimiter_cuts_is_told(tmp_path):
    path = write(tmp_path, "x.csv", "a" * 200_000 + "\n1\n")
    with pytest.raises(ParseError, match=r"x.csv, line 1: a field has more than 131072 characters"):
        Dataset(path).resolve()


def test_text_that_is_not_utf_8_is_told(tmp_path):
    path = write(tmp_path, "x.csv", "x,y\n1,2\n".encode("utf-16"))
    with pytest.raises(ParseError, match="is not CSV as text in UTF-8"):
        Dataset(path).resolve()
