"""Sparse rows: the optimum of scikit-learn, and that of the same rows stored densely."""

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix, hstack
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression

from burly import LogisticRegression
from burly.algorithms.logistic import coarse
from burly.exceptions import ConfigurationError


def words(n=3000, d=400, n_classes=2, seed=0):
    """Counts of words, few of them frequent."""
    rng = np.random.default_rng(seed)
    lengths = rng.poisson(15, n) + 1
    which = np.minimum((d ** rng.random(lengths.sum()) - 1).astype(int), d - 1)
    owner = np.repeat(np.arange(n), lengths)
    X = csr_matrix((np.ones(len(which)), (owner, which)), shape=(n, d))
    X.sum_duplicates()
    scores = X @ rng.standard_normal((d, n_classes)) * 0.5
    return X, np.argmax(scores - np.median(scores, axis=0) + rng.gumbel(size=scores.shape), axis=1)


@pytest.mark.parametrize(
    ("params", "theirs"),
    [
        ({}, "lbfgs"),
        ({"C": 0.05, "class_weight": "balanced"}, "lbfgs"),
        ({"fit_intercept": False}, "lbfgs"),
        ({"C": 0.3, "l1_ratio": 1.0}, "saga"),
        ({"C": 0.3, "l1_ratio": 0.5}, "saga"),
    ],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_optimum_is_that_of_scikit_learn(params, theirs, n_classes):
    X, y = words(n=600, d=300 if theirs == "lbfgs" else 60, n_classes=n_classes)
    ours = LogisticRegression(tol=1e-8, max_iter=1000, **params).fit(X, y)
    expected = SklearnLogisticRegression(solver=theirs, tol=1e-9, max_iter=100_000, **params)
    expected.fit(X, y)
    assert ours.run_.settings["solver_chosen"] == "lbfgs"
    scale = X.toarray().std(axis=0)
    gap = np.max(scale * np.abs(ours.coef_ - expected.coef_))
    assert gap <= 1e-5 * np.max(scale * np.abs(expected.coef_))


def test_dense_storage_ends_at_the_same_coefficients():
    X, y = words()
    sparse = LogisticRegression(tol=1e-9, max_iter=1000).fit(X, y)
    dense = LogisticRegression(tol=1e-9, max_iter=1000, solver="newton").fit(X.toarray(), y)
    np.testing.assert_allclose(sparse.coef_, dense.coef_, atol=1e-5)


def test_two_levels_save_steps(monkeypatch):
    X, y = words()
    with_both = LogisticRegression(max_iter=1000).fit(X, y)
    monkeypatch.setattr(coarse, "FREQUENT", 0)
    with_fewer = LogisticRegression(max_iter=1000).fit(X, y)
    assert with_both.n_iter_[0] < with_fewer.n_iter_[0]


def one_hot(*cardinalities, n=5000, seed=0):
    """Columns that add up to the intercept's ones, once for each of the categorical features."""
    rng = np.random.default_rng(seed)
    parts, scores = [], np.zeros(n)
    for cardinality in cardinalities:
        level = rng.integers(0, cardinality, n)
        parts.append(csr_array((np.ones(n), (np.arange(n), level)), shape=(n, cardinality)))
        scores += rng.standard_normal(cardinality)[level]
    return csr_array(hstack(parts)), (scores + rng.logistic(size=n) > 0).astype(int)


def steepest(model, X, y, C):
    """Return the largest component of the subgradient of the mean objective with l1."""
    residual = 1 / (1 + np.exp(-(X @ model.coef_[0] + model.intercept_))) - y
    slopes, l1 = X.T @ residual / len(y), 1 / (C * len(y))
    at_zero = np.maximum(np.abs(slopes) - l1, 0.0)
    of_others = np.abs(slopes + l1 * np.sign(model.coef_[0]))
    return max(np.max(np.where(model.coef_[0] == 0, at_zero, of_others)), abs(residual.mean()))


@pytest.mark.parametrize("cardinalities", [(3, 4), (5, 10, 50), (2, 2, 2, 2), (100,), (300, 300)])
@pytest.mark.parametrize("C", [0.3, 1.0])
def test_l1_meets_tol_in_a_few_steps_where_columns_add_up_to_the_intercept(cardinalities, C):
    X, y = one_hot(*cardinalities)
    model = LogisticRegression(C=C, l1_ratio=1.0).fit(X, y)
    assert steepest(model, X, y, C) <= model.tol
    assert np.any(model.coef_)
    assert model.n_iter_[0] <= 40


@pytest.mark.parametrize("shape", [(30, 40), (30, 100), (50, 60), (200, 5000)])
def test_l1_meets_tol_where_there_are_fewer_rows_than_columns(shape):
    rng = np.random.default_rng(0)
    X = csr_array(rng.standard_normal(shape) * (rng.random(shape) < 0.3))
    y = rng.integers(0, 2, shape[0])
    model = LogisticRegression(C=10.0, l1_ratio=1.0).fit(X, y)
    assert steepest(model, X, y, 10.0) <= model.tol
    assert np.any(model.coef_)


def test_l1_next_to_no_penalty_goes_on_from_a_diagonal_where_two_levels_lead_nowhere():
    X, y = one_hot(5, 10, 50, n=2000)
    model = LogisticRegression(C=1e4, l1_ratio=1.0).fit(X, y)
    assert steepest(model, X, y, 1e4) <= model.tol


def test_hessians_of_sparse_rows_are_refused():
    X, y = words(n=300)
    with pytest.raises(ConfigurationError, match="use solver='lbfgs' or 'auto'"):
        LogisticRegression(solver="newton").fit(X, y)


def test_a_column_that_no_row_has_gets_no_coefficient():
    X, y = words(n=300)
    wide = csr_array((X.data, X.indices, X.indptr), shape=(X.shape[0], X.shape[1] + 5))
    model = LogisticRegression(tol=1e-8).fit(wide, y)
    assert np.all(model.coef_[0, -5:] == 0)
