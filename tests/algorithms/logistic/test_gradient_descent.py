"""The paper's method, against itself in a few lines of NumPy."""

import numpy as np
import pytest

from burly import LogisticRegression
from burly.exceptions import ConfigurationError


def make(n=2000, d=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, (X[:, 0] + rng.logistic(size=n) > 0.3).astype(int)


def by_hand(X, y, rate, n_steps, l2=0.0):
    """Add ones to the rows, start at zero, and go down the summed gradient."""
    rows = np.column_stack([X, np.ones(len(X))])
    theta = np.zeros(rows.shape[1])
    penalised = np.append(np.ones(X.shape[1]), 0.0)
    for _ in range(n_steps):
        residual = 1 / (1 + np.exp(-rows @ theta)) - y
        theta = theta - rate * (rows.T @ residual + l2 * penalised * theta)
    return theta


@pytest.mark.parametrize(("C", "l2"), [(np.inf, 0.0), (0.01, 100.0)])
def test_every_step_is_the_papers(C, l2):
    X, y = make()
    model = LogisticRegression(C=C, solver="gd", learning_rate=2e-4, max_iter=25).fit(X, y)
    expected = by_hand(X, y, 2e-4, 25, l2)
    np.testing.assert_allclose(model.coef_[0], expected[:-1], rtol=1e-10)
    np.testing.assert_allclose(model.intercept_, expected[-1:], rtol=1e-10)


def test_it_takes_as_many_steps_as_it_is_told():
    X, y = make()
    model = LogisticRegression(solver="gd", tol=1e9, max_iter=7).fit(X, y)
    assert model.n_iter_.tolist() == [7]


def test_it_reaches_the_optimum_in_the_end():
    X, y = make()
    slow = LogisticRegression(solver="gd", max_iter=500).fit(X, y)
    fast = LogisticRegression(solver="auto", tol=1e-10).fit(X, y)
    np.testing.assert_allclose(slow.coef_, fast.coef_, rtol=1e-8)


def test_steps_that_are_too_long_are_refused():
    X, y = make()
    with pytest.raises(ConfigurationError, match="learning_rate"):
        LogisticRegression(C=1e-4, solver="gd", learning_rate=10.0, max_iter=1000).fit(X, y)


def test_it_takes_no_l1_term():
    X, y = make()
    with pytest.raises(ConfigurationError, match="no l1 penalty"):
        LogisticRegression(solver="gd", l1_ratio=0.5).fit(X, y)
