"""The sampled Newton method needs few passes over all rows, on hard data too."""

import warnings

import numpy as np
import pytest

from burly import LogisticRegression
from burly.events import RoundDone

N, D = 60_000, 12


def labels(rng, z):
    return (z + rng.logistic(size=len(z)) > 0).astype(int)


def correlated(rng):
    X = np.sqrt(0.95) * rng.standard_normal((N, 1)) + np.sqrt(0.05) * rng.standard_normal((N, D))
    return X, labels(rng, X @ rng.standard_normal(D))


def lognormal(rng):
    X = np.exp(rng.standard_normal((N, D)))
    return X, labels(rng, (X - 1.6) @ rng.standard_normal(D) * 0.3)


def means_of_100(rng):
    X = rng.standard_normal((N, D)) + 100
    return X, labels(rng, (X - 100) @ rng.standard_normal(D))


def rare_class(rng):
    X = rng.standard_normal((N, D))
    return X, labels(rng, X @ rng.standard_normal(D) * 0.3 - 6.4)


def steep(rng):
    X = rng.standard_normal((N, D))
    return X, labels(rng, X @ rng.standard_normal(D) * 6)


def sorted_by_label(rng):
    X = rng.standard_normal((N, D))
    y = labels(rng, X @ rng.standard_normal(D))
    order = np.argsort(y, kind="stable")
    return X[order], y[order]


def drift(rng):
    X = rng.standard_normal((N, D)) + np.linspace(-2, 2, N)[:, None] * rng.standard_normal(D)
    return X, labels(rng, X @ rng.standard_normal(D) * 0.5)


def scales(rng):
    X = rng.standard_normal((N, D))
    return X * np.logspace(-3, 4, D), labels(rng, X @ rng.standard_normal(D))


HARD = [correlated, lognormal, means_of_100, rare_class, steep, sorted_by_label, drift]


def phases(model):
    return {e.round: e.phase for e in model.run_.events if isinstance(e, RoundDone)}.values()


def steepest(model, X, y):
    z = X @ model.coef_[0] + model.intercept_[0]
    residual = np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z))) - y
    gradient = (X.T @ residual + model.coef_[0]) / len(y)
    return max(np.abs(gradient).max(), abs(residual.mean()))


@pytest.mark.parametrize(
    ("make", "most"),
    [*((make, 7) for make in HARD), (scales, 3)],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_few_passes_reach_tol_on_hard_data(make, most):
    X, y = make(np.random.default_rng(0))
    model = LogisticRegression().fit(X, y)
    passes = sum(phase == "pass" for phase in phases(model))
    assert steepest(model, X, y) <= model.tol
    assert passes <= most


def test_weights_of_zero_on_most_blocks_are_no_trap():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100_000, 3))
    y = labels(rng, X[:, 0])
    weights = (np.arange(len(X)) < 20_000).astype(float)
    few = LogisticRegression(solver="newton", tol=1e-8).fit(X[:20_000], y[:20_000])
    model = LogisticRegression(solver="newton", tol=1e-8).fit(X, y, weights)
    np.testing.assert_allclose(model.coef_, few.coef_, rtol=1e-5)


@pytest.mark.parametrize("share", [0.01, 0.001])
def test_a_few_rows_that_carry_all_of_the_weight_are_found(share):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, 3))
    y = labels(rng, X[:, 0])
    weights = (rng.permutation(N) < share * N) * np.where(np.arange(N) < N // 2, 0.0, 3.0)
    kept = weights > 0
    few = LogisticRegression(solver="newton", tol=1e-8).fit(X[kept], y[kept], weights[kept])
    model = LogisticRegression(solver="newton", tol=1e-8).fit(X, y, weights)
    np.testing.assert_allclose(model.coef_, few.coef_, rtol=1e-5)


def without_signal():
    """Rows on whose samples, as on all of them, a strong l1 term leaves no coefficient."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, D))
    return X, labels(rng, 0.3 * X[:, 0])


@pytest.mark.parametrize("solver", ["newton", "liblinear"])
def test_an_optimum_of_zeros_is_seen_on_all_rows_and_converges_without_a_warning(solver):
    X, y = without_signal()
    model = LogisticRegression(solver=solver, C=1e-5, l1_ratio=1.0, fit_intercept=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
    assert not np.any(model.coef_)
    assert list(phases(model)).count("pass") == 1
    assert model.n_iter_.tolist() == [0]


@pytest.mark.parametrize("above", [0.999, 1.001, 1.02])
def test_an_l1_term_at_the_border_of_an_optimum_of_zeros_ends_where_lbfgs_does(above):
    X, y = without_signal()
    border = 1 / np.max(np.abs(X.T @ (y - 0.5)))
    params = {"C": above * border, "l1_ratio": 1.0, "fit_intercept": False, "tol": 1e-9}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        newton = LogisticRegression(solver="newton", **params).fit(X, y)
        lbfgs = LogisticRegression(solver="lbfgs", **params).fit(X, y)
    np.testing.assert_allclose(newton.coef_, lbfgs.coef_, atol=1e-7)
    assert np.count_nonzero(newton.coef_) == (above > 1)


@pytest.mark.parametrize(
    ("seed", "l1_ratio", "tol"),
    [(100, 1.0, 1e-4), (134, 0.9, 1e-4), (20, 0.5, 1e-8), (38, 1.0, 1e-8)],
)
def test_with_an_l1_term_convergence_is_seen_and_not_foreseen(seed, l1_ratio, tol):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((30, 20)) + 100, rng.integers(0, 2, 30)
    params = {"C": 1.5, "l1_ratio": l1_ratio, "fit_intercept": False}
    model = LogisticRegression(solver="newton", tol=tol, max_iter=1000, **params).fit(X, y)
    coef = model.coef_[0]
    residual = 1 / (1 + np.exp(-(X @ coef))) - y
    l1, l2 = l1_ratio / (1.5 * 30), (1 - l1_ratio) / (1.5 * 30)
    slopes = X.T @ residual / 30 + l2 * coef
    at_zero = np.maximum(np.abs(slopes) - l1, 0.0)
    of_others = np.abs(slopes + l1 * np.sign(coef))
    assert np.max(np.where(coef == 0, at_zero, of_others)) <= 1.01 * tol


@pytest.mark.parametrize("max_iter", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("tol", [1e-3, 1e-6, 1e-10])
def test_no_step_is_taken_beyond_max_iter(max_iter, tol):
    X, y = correlated(np.random.default_rng(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(solver="newton", max_iter=max_iter, tol=tol).fit(
            X[:9000], y[:9000]
        )
    assert model.n_iter_[0] <= max_iter
