"""Logistic regression on sparse rows, by its front door."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression

from burly import Dataset, InProcess, Lithops, LogisticRegression
from burly.exceptions import NonFiniteError, RoundTooLargeError
from burly.launchers import lithops


def make(n=20_000, d=400, n_classes=2, dtype=np.float64):
    rng = np.random.default_rng(0)
    X = sparse.random(n, d, 0.03, format="csr", random_state=0, dtype=dtype)
    z = X @ rng.normal(size=(d, n_classes)) + rng.gumbel(size=(n, n_classes))
    return X, z.argmax(axis=1)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_optimum_is_that_of_scikit_learn_and_of_the_dense_matrix(n_classes):
    X, y = make(6000, 60, n_classes)
    weight = np.random.default_rng(1).random(6000)
    ours = LogisticRegression(tol=1e-9, max_iter=1000).fit(X, y, weight)
    dense = LogisticRegression(tol=1e-9).fit(X.toarray(), y, weight)
    theirs = SklearnLogisticRegression(tol=1e-10, max_iter=5000).fit(X, y, weight)
    np.testing.assert_allclose(ours.coef_, dense.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)
    assert ours.score(X, y) == pytest.approx(theirs.score(X, y), abs=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_layout_and_launcher_gives_the_same_bits(dtype):
    X, y = make(dtype=dtype)
    launchers = [InProcess(), InProcess(3), Lithops(n_workers=2)]
    models = [
        LogisticRegression(n_threads=n, launcher=launcher).fit(X, y)
        for n, launcher in zip((1, 2, 1), launchers, strict=True)
    ]
    assert len({model.coef_.tobytes() + model.intercept_.tobytes() for model in models}) == 1


@pytest.mark.parametrize("form", [sparse.csc_matrix, sparse.coo_array, sparse.csr_array, Dataset])
def test_any_sparse_form_gives_the_same_model(form):
    X, y = make(3000, 50)
    expected = LogisticRegression().fit(X, y)
    model = LogisticRegression()
    model.fit(Dataset(X) if form is Dataset else form(X), y)
    assert model.coef_.tobytes() == expected.coef_.tobytes()
    assert model.n_features_in_ == 50


def test_columns_that_no_row_has_get_no_coefficient():
    X, y = make(3000, 50)
    wide = sparse.hstack([X, sparse.csr_matrix((3000, 1_000_000))], format="csr")
    model = LogisticRegression().fit(wide, y)
    assert model.coef_.shape == (1, 1_000_050)
    assert not np.any(model.coef_[:, 50:])
    np.testing.assert_allclose(model.coef_[:, :50], LogisticRegression().fit(X, y).coef_, atol=1e-4)


def test_not_a_number_names_its_column():
    X, y = make(3000, 50)
    X.data[X.indptr[100]] = np.nan
    with pytest.raises(NonFiniteError, match=f"column {X.indices[X.indptr[100]]} "):
        LogisticRegression().fit(X, y)


def test_a_round_too_large_for_the_layout_is_refused_before_anything_is_launched():
    X = sparse.csr_matrix((np.ones(4), np.arange(4), np.arange(5)), (4, 40_000_000))
    message = "1 worker with 320,000,008 bytes each make a round of 320,000,008 bytes"
    with pytest.raises(RoundTooLargeError, match=message):
        LogisticRegression(launcher=Lithops(n_workers=2)).fit(X, [0, 1, 0, 1])


@pytest.mark.parametrize("parameters", [{}, {"n_features": 40_000_000}, {"zero_based": True}])
def test_a_round_too_large_is_refused_for_svmlight_files_too(tmp_path, monkeypatch, parameters):
    monkeypatch.setattr(lithops, "executor", lambda *_: pytest.fail("something was launched"))
    last = 40_000_000 - bool(parameters.get("zero_based"))
    (tmp_path / "x.svm").write_text(f"0 1:1\n1 {last}:1\n" * 2)
    message = r"1 worker with 320,000,008 bytes each make a round of 320,000,008 bytes"
    with pytest.raises(RoundTooLargeError, match=message):
        LogisticRegression(launcher=Lithops(backend="localhost", n_workers=2)).fit(
            Dataset(tmp_path / "x.svm", **parameters)
        )


def test_columns_that_make_a_round_too_large_are_refused_where_they_are_found(tmp_path):
    text = "0 1:1\n1 2:1\n" * 20_000
    (tmp_path / "x.svm").write_text(f"{text}1 40000000:1\n")
    with pytest.raises(RoundTooLargeError, match="320,000,0"):
        LogisticRegression(launcher=Lithops(backend="localhost", n_workers=1)).fit(
            Dataset(tmp_path / "x.svm")
        )
