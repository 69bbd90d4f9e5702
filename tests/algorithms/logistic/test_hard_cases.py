"""Data on which methods go wrong: the gradient over all rows meets tol at what is returned."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from burly import LogisticRegression

TOL = 1e-8


def rows(kind, n=20_000, d=12, seed=3):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    if kind == "correlated":
        X = np.sqrt(0.05) * X + np.sqrt(0.95) * rng.standard_normal((n, 1))
    if kind == "lognormal":
        X = np.exp(X)
    if kind == "means of 100":
        X += 100
    if kind == "scales":
        X *= np.logspace(-3, 4, d)
    if kind == "drift":
        X += np.linspace(-2, 2, n)[:, np.newaxis] * rng.standard_normal(d)
    scores = (X - X.mean(0)) / X.std(0) @ rng.standard_normal(d) / np.sqrt(d)
    scores = scores * (16 if kind == "steep" else 2) - (7 if kind == "rare" else 0)
    y = (scores + rng.logistic(size=n) > 0).astype(int)
    if kind == "sorted":
        order = np.argsort(y, kind="stable")
        return X[order], y[order]
    return X, y


def steepest(model, X, y, C, l1_ratio):
    """Return the largest component of the subgradient of the mean objective, in float64."""
    n, coef = len(X), model.coef_[0]
    residual = 1 / (1 + np.exp(-(X @ coef + model.intercept_))) - y
    slopes = X.T @ residual / n + (1 - l1_ratio) / (C * n) * coef
    l1 = l1_ratio / (C * n)
    at_zero = np.maximum(np.abs(slopes) - l1, 0.0)
    slopes = np.where(coef == 0, at_zero, slopes + l1 * np.sign(coef))
    return max(np.max(np.abs(slopes)), abs(residual.mean()))


@pytest.mark.parametrize(
    ("solver", "penalty"),
    [
        ("auto", {"C": 1.0}),
        ("lbfgs", {"C": 1.0}),
        ("lbfgs", {"C": 0.05, "l1_ratio": 1.0}),
    ],
    ids=["auto", "lbfgs", "lbfgs l1"],
)
@pytest.mark.parametrize(
    "kind",
    [
        "correlated",
        "lognormal",
        "means of 100",
        "scales",
        "drift",
        "rare",
        "steep",
        "sorted",
    ],
)
def test_the_gradient_over_all_rows_meets_tol(solver, kind, penalty):
    X, y = rows(kind)
    model = LogisticRegression(solver=solver, tol=TOL, max_iter=300, **penalty)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
    # What NumPy's own sums leave undecided.
    noise = 1e-14 * np.max(np.abs(X))
    assert steepest(model, X, y, penalty["C"], penalty.get("l1_ratio", 0.0)) <= TOL + noise
