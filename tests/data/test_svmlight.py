"""svmlight files become the rows that scikit-learn reads; their columns settle over all files."""

from __future__ import annotations

import gzip

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import load_svmlight_file
from tests.data.reading import read_all, write

from burly import Dataset, InProcess, KMeans, Lithops, LogisticRegression
from burly.algorithms.logistic.algorithm import LogisticRegression as Fitting
from burly.algorithms.logistic.settings import Settings
from burly.algorithms.numbered import Numbered
from burly.data import lines
from burly.data.csr import from_scipy
from burly.exceptions import BurlyError, ConfigurationError, DataError, ParseError, SchemaError
from burly.kernels import ThreadTeam
from burly.launchers import lithops, memory
from burly.states import State

numbers = st.one_of(
    st.floats(-1e6, 1e6, width=32),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300),
    st.integers(-(10**25), 10**25),
)


@st.composite
def texts(draw):
    """Draw lines in all the ways they may be written."""
    written = []
    for _ in range(draw(st.integers(1, 12))):
        columns = sorted(draw(st.sets(st.integers(0, 40), max_size=6)))
        pairs = [f"{column}:{draw(numbers)!r}" for column in columns]
        label = draw(st.sampled_from(["+1", "-1", "0", "2", "1.0", "3e0"]))
        qid = draw(st.sampled_from([[], ["qid:7"]]))
        fields = draw(st.sampled_from([" ", "  ", "\t"])).join([label, *qid, *pairs])
        comment = draw(st.sampled_from(["", " ", "# a 1:2 comment", " #"]))
        written.append(fields + comment + draw(st.sampled_from(["\n", "\r\n", "\n\n", "\n#x\n"])))
    text = "".join(written)
    return text if draw(st.booleans()) else text.rstrip("\r\n")


def together(data, n_workers=1):
    read = read_all(data, n_workers)
    assert [rows.ordinal for rows in read] == list(range(data.info.n_shards))
    X = sparse.vstack([scipy_of(rows.X) for rows in read], format="csr", dtype=data.info.dtype)
    return X, np.concatenate([rows.y for rows in read])


def scipy_of(X):
    return sparse.csr_array((X.data, X.indices, X.indptr), (len(X), 41))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts(), st.integers(1, 80), st.integers(1, 9), st.integers(1, 3), st.booleans())
def test_rows_are_those_of_scikit_learn_whatever_the_cuts(
    tmp_path, monkeypatch, text, shard_bytes, n_workers, tail_bytes, packed
):
    plain = write(tmp_path, "x.svm", text)
    path = write(tmp_path, "x.svm.gz", gzip.compress(text.encode())) if packed else plain
    with monkeypatch.context() as patch:
        patch.setattr(lines, "SHARD_BYTES", shard_bytes)
        patch.setattr(lines, "_TAIL_BYTES", tail_bytes)
        data = Dataset(path, dtype="float64").resolve()
        X, y = together(data, n_workers)
    expected, labels = load_svmlight_file(str(plain), n_features=41, zero_based=True)
    assert len(labels) <= data.info.max_rows
    np.testing.assert_array_equal(y, labels)
    assert y.dtype == np.int64
    np.testing.assert_array_equal(X.indptr, expected.indptr)
    np.testing.assert_array_equal(X.indices, expected.indices)
    np.testing.assert_array_equal(X.data, expected.data)


def test_values_become_float32_unless_asked_otherwise(tmp_path):
    path = write(tmp_path, "x.libsvm", "1 1:0.1 3:nan 4:-inf\n")
    X, _ = together(Dataset(path).resolve())
    assert X.dtype == np.float32
    np.testing.assert_array_equal(X.data, np.array([0.1, np.nan, -np.inf], np.float32))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("yes 1:2", "starts with 'yes' where its label"),
        ("1,2 1:2", "starts with '1,2' where its label"),
        ("1 a:2", "'a:2' is not column:value"),
        ("1 3", "'3' is not column:value"),
        ("1 -1:2", "'-1:2' is not column:value"),
        ("1 2147483647:2", "'2147483647:2' is not column:value"),
        ("1 3:1 2:1", "column '2' comes after"),
        ("1 3:1 3:1", "column '3' comes after"),
        ("1 3:", "the value of '3:' is not a number"),
        ("1 3:1 4:0x10", "the value of '4:0x10' is not a number"),
        ("1 3:1 4:1e", "the value of '4:1e' is not a number"),
        ("1 3:1 4:1e39", "'4:1e39' is too large for float32; use dtype='float64'"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_wrong_line_is_named(tmp_path, monkeypatch, line, message, packed):
    monkeypatch.setattr(lines, "SHARD_BYTES", 10)
    text = "# head\n1 1:1\n2 2:1\n\n1 5:1\n" + line + "\n1 1:1\n"
    name, raw = ("x.svm.gz", gzip.compress(text.encode())) if packed else ("x.svm", text)
    path = write(tmp_path, name, raw)
    with pytest.raises(ParseError, match=f"x.svm.*, line 6: .*{message}"):
        read_all(Dataset(path).resolve())


def test_a_label_of_another_type_than_the_first_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "SHARD_BYTES", 10)
    path = write(tmp_path, "x.svm", "1 1:1\n2 2:1\n\n0.5 5:1\n")
    with pytest.raises(ParseError, match=r"line 4: the label is .*0.5.*, but .* are whole numbers"):
        read_all(Dataset(path).resolve())


def test_what_is_wrong_at_once_is_said_before_anything_is_launched(tmp_path):
    with pytest.raises(ParseError, match="line 1: it starts with 'a'"):
        Dataset(write(tmp_path, "x.svm", "a 1:2\n")).resolve()
    for text in ("", "# nothing\n\n"):
        with pytest.raises(DataError, match="is empty"):
            Dataset(write(tmp_path, "x.svm", text)).resolve()
    path = write(tmp_path, "y.svm", "1 1:2\n")
    with pytest.raises(ConfigurationError, match="label= has no meaning"):
        Dataset(path, label="y").resolve()
    with pytest.raises(ConfigurationError, match="svmlight files alone"):
        Dataset(write(tmp_path, "x.csv", "1,2\n"), zero_based=True).resolve()


# --- columns, over the whole data set ---------------------------------------------------------


def lines_of(X, y, first):
    return "".join(
        f"{label} "
        + " ".join(
            f"{j + first}:{x!r}" for j, x in zip(row.indices, row.data.tolist(), strict=True)
        )
        + "\n"
        for row, label in zip(X, y, strict=True)
    )


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    X = sparse.random(600, 30, 0.2, format="csr", random_state=0)
    X.data = rng.normal(size=X.nnz).round(3)
    y = np.where(X @ rng.normal(size=30) + rng.logistic(size=600) > 0, 1, -1)
    return X, y


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("n_workers", [1, 3])
def test_a_fit_on_files_is_a_fit_on_the_matrix(tmp_path, problem, first, n_workers):
    X, y = problem
    # The first file has neither the smallest column nor the largest.
    rows = np.flatnonzero(np.diff(X[:, [0, 29]].tocsr().indptr) == 0)
    order = np.concatenate([rows, np.setdiff1d(np.arange(600), rows)])
    cut = len(rows)
    for name, part in (("a", order[:cut]), ("b", order[cut:])):
        write(tmp_path, f"{name}.svm", lines_of(X[part], y[part], first))
    data = Dataset(tmp_path, dtype="float64", format="svmlight")
    model = LogisticRegression(tol=1e-9, launcher=InProcess(n_workers)).fit(data)
    expected = LogisticRegression(tol=1e-9).fit(X, y)
    assert model.n_features_in_ == 30
    assert model.first_column_ == first
    assert model.classes_.tolist() == [-1, 1]
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-6)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))


def test_every_layout_gives_the_same_bits(tmp_path, monkeypatch, problem):
    monkeypatch.setattr(lines, "SHARD_BYTES", 2000)
    data = Dataset(write(tmp_path, "x.svm", lines_of(*problem, 1)))
    fits = [LogisticRegression(launcher=InProcess(n)).fit(data) for n in (1, 2, 5)]
    assert len({fit.coef_.tobytes() for fit in fits}) == 1


def test_a_model_reads_new_files_as_those_it_was_fitted_on(tmp_path, problem):
    X, y = problem
    zero = Dataset(write(tmp_path, "x.svm", lines_of(X, y, 0)), dtype="float64")
    model = LogisticRegression().fit(zero)
    model.save(tmp_path / "model")
    model = LogisticRegression.load(tmp_path / "model")
    # Alone, these rows would seem to count from 1, and to have fewer columns.
    rows = np.flatnonzero(np.diff(X[:, [0, 29]].tocsr().indptr) == 0)
    new = Dataset(write(tmp_path, "new.svm", lines_of(X[rows], y[rows], 0)), dtype="float64")
    model.predict(new, out=tmp_path / "out")
    labels = pq.read_table(tmp_path / "out").column("labels").to_numpy()
    np.testing.assert_array_equal(labels, model.predict(X[rows]))


def test_columns_that_were_not_announced_are_refused(tmp_path):
    path = write(tmp_path, "x.svm", "1 0:1 5:1\n2 3:1\n")
    with pytest.raises(BurlyError, match="3 features allow columns 0 to 2; raise n_features="):
        LogisticRegression().fit(Dataset(path, n_features=3))
    with pytest.raises(BurlyError, match="leave zero_based=False away"):
        LogisticRegression().fit(Dataset(path, zero_based=False))
    model = LogisticRegression().fit(Dataset(path, n_features=9))
    assert model.coef_.shape == (1, 9)
    with pytest.raises(SchemaError, match="was fitted with 9; leave n_features= away"):
        model.predict(Dataset(path, n_features=8), out=tmp_path / "out")


def test_rows_without_any_value_are_fitted_by_the_intercept_alone(tmp_path):
    path = write(tmp_path, "x.svm", "1\n2\n2\n2\n")
    model = LogisticRegression(tol=1e-10).fit(Dataset(path, dtype="float64"))
    np.testing.assert_allclose(model.intercept_, np.log(3), atol=1e-8)


def test_k_means_takes_no_sparse_rows(tmp_path):
    path = write(tmp_path, "x.svm", "1 0:1 5:1\n2 3:1\n")
    with pytest.raises(SchemaError, match="KMeans takes no sparse rows"):
        KMeans(1).fit(Dataset(path))
    with pytest.raises(TypeError, match="Sparse data was passed"):
        KMeans(1).fit(sparse.eye(3, format="csr"))
    with pytest.raises(SchemaError, match="KMeans takes no sparse rows"):
        KMeans(1).fit(Dataset(sparse.eye(3, format="csr")))


def test_rows_are_consecutive_parts_of_a_matrix():
    X = sparse.random(50, 20, 0.3, format="csr", random_state=1)
    rows = from_scipy(X, X.dtype)
    for begin, end in ((0, 7), (7, 7), (7, 50)):
        part = rows.rows(begin, end)
        assert part.shape == (end - begin, 20)
        np.testing.assert_array_equal(scipy_of(part).toarray()[:, :20], X[begin:end].toarray())


def test_entries_of_one_place_are_added_up_and_the_matrix_stays_as_it_was():
    X = sparse.csr_matrix(
        (np.array([1.0, 2.0, 4.0]), np.array([3, 1, 3]), np.array([0, 3])), (1, 5)
    )
    rows = from_scipy(X, X.dtype)
    assert (rows.indices.tolist(), rows.data.tolist()) == ([1, 3], [2.0, 5.0])
    assert X.indices.tolist() == [3, 1, 3]


def test_another_fit_forgets_how_lines_count_their_columns(tmp_path, problem):
    X, y = problem
    one = Dataset(write(tmp_path, "x.svm", lines_of(X, y, 1)), dtype="float64")
    model = LogisticRegression().fit(one)
    assert model.first_column_ == 1
    model.fit(X, y)
    assert not hasattr(model, "first_column_")


def test_a_model_of_a_matrix_asks_how_lines_count_their_columns(tmp_path, problem):
    X, y = problem
    model = LogisticRegression().fit(X, y)
    # Alone, these rows would seem to count from 1, and each column would be taken for its neighbour.
    rows = np.flatnonzero(np.diff(X[:, [0, 29]].tocsr().indptr) == 0)
    path = write(tmp_path, "new.svm", lines_of(X[rows], y[rows], 0))
    with pytest.raises(ConfigurationError, match="say zero_based=True or zero_based=False"):
        model.predict(Dataset(path), out=tmp_path / "out")
    model.predict(Dataset(path, dtype="float64", zero_based=True), out=tmp_path / "out")
    labels = pq.read_table(tmp_path / "out").column("labels").to_numpy()
    np.testing.assert_array_equal(labels, model.predict(X[rows]))


def test_files_without_any_row_are_no_data(tmp_path):
    for name in "ab":
        write(tmp_path, f"{name}.svm", "# nothing\n")
    with pytest.raises(DataError, match="has no rows"):
        LogisticRegression().fit(Dataset(tmp_path, format="svmlight"))


def test_a_solver_that_takes_no_sparse_rows_is_refused_before_anything_is_launched(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(lithops, "executor", lambda *_: pytest.fail("something was launched"))
    data = Dataset(write(tmp_path, "x.svm", "1 0:1 5:1\n2 3:1\n"))
    model = LogisticRegression(solver="newton", launcher=Lithops(backend="localhost", n_workers=1))
    with pytest.raises(ConfigurationError, match="these are sparse"):
        model.fit(data)


def test_comments_that_pack_well_are_not_taken_for_all_of_a_file(tmp_path):
    text = "# nothing yet\n" * 100_000 + "1 1:1\n2 2:1\n" * 50
    path = write(tmp_path, "x.svm.gz", gzip.compress(text.encode()))
    assert Dataset(path).resolve().info.n_rows is None
    model = LogisticRegression().fit(Dataset(path))
    assert model.classes_.tolist() == [1, 2]


def test_rows_that_pack_well_are_not_counted_by_the_first_of_them(tmp_path):
    path = write(tmp_path, "x.svm.gz", gzip.compress(b"1 1:1\n2 2:1\n" * 100_000))
    assert Dataset(path).resolve().info.n_rows is None


@pytest.mark.parametrize("label", ["inf", "-inf", "nan", "1e300", "9223372036854775808"])
def test_a_label_that_no_integer_holds_is_named(tmp_path, monkeypatch, label):
    monkeypatch.setattr(lines, "SHARD_BYTES", 10)
    path = write(tmp_path, "x.svm", f"1 1:1\n2 2:1\n{label} 5:1\n")
    with pytest.raises(ParseError, match=r"line 3: the label is .* are whole numbers"):
        read_all(Dataset(path).resolve())


def test_a_first_label_that_is_not_finite_is_no_class(tmp_path):
    path = write(tmp_path, "x.svm", "inf 1:1\n2 2:1\n")
    with pytest.raises(DataError, match="NaN or infinity"):
        LogisticRegression().fit(Dataset(path))


def test_a_line_of_blanks_that_are_none_in_these_files_is_named(tmp_path):
    path = write(tmp_path, "x.svm", "1 1:1\n\u00a0\u2003\n")
    with pytest.raises(ParseError, match=r"line 2: it starts with '\\xa0\\u2003' where its label"):
        Dataset(path).resolve()


def test_columns_are_numbered_once_however_often_scratch_is_rebuilt(tmp_path, problem):
    info = Dataset(write(tmp_path, "x.svm", lines_of(*problem, 1))).resolve()
    partition = info.read(info.shards, 1)
    algorithm = Numbered(Fitting(Settings()), info.info)
    state = State("", {"numbered_columns": np.array([1, 30])})
    with ThreadTeam(1) as team:
        for _ in range(2):
            outputs = algorithm.outputs(state, partition, team, algorithm.scratch(partition, team))
            assert outputs == {}
    columns = np.concatenate([shard.X.indices for shard in partition.shards])
    np.testing.assert_array_equal(columns, problem[0].indices)


def test_packed_rows_need_the_memory_that_they_unpack_to(tmp_path):
    text = "".join(f"{i % 2} 1:{i % 7} 5:{i % 11}\n" for i in range(100_000))
    plain = Dataset(write(tmp_path, "x.svm", text)).resolve()
    packed = Dataset(write(tmp_path, "x.svm.gz", gzip.compress(text.encode()))).resolve()
    needs = [
        memory.needed_bytes(Fitting(Settings()), data, data.shards) - 164e6
        for data in (plain, packed)
    ]
    assert 0.8 < needs[1] / needs[0] < 1.2
