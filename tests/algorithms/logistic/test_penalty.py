"""What several classes share is the penalty's to choose."""

import warnings

import numpy as np
import pytest

from burly import LogisticRegression
from burly.algorithms.logistic.penalty import least_shift


@pytest.mark.parametrize("n_outputs", [2, 3, 4, 5])
@pytest.mark.parametrize(("l1", "l2"), [(1.0, 0.0), (0.5, 0.5), (2.0, 0.1), (0.1, 3.0)])
def test_no_other_shift_costs_less(n_outputs, l1, l2):
    theta = np.random.default_rng(n_outputs).normal(size=(n_outputs, 50))
    theta[:, :10] = np.round(theta[:, :10])

    def cost(shift):
        moved = theta - shift
        return np.sum(l1 * np.abs(moved) + l2 * moved**2 / 2, axis=0)

    least = least_shift(theta, l1, l2)
    for other in (-1.0, -1e-3, 1e-3, 1.0):
        assert np.all(cost(least) <= cost(least + other) + 1e-12)


def test_a_shift_that_costs_nothing_is_not_made():
    np.testing.assert_array_equal(least_shift(np.array([[-1.0], [2.0]]), 1.0, 0.0), [0.0])
    np.testing.assert_array_equal(least_shift(np.array([[3.0], [2.0]]), 1.0, 0.0), [2.0])


def subgradient(model, X, y, C, l1_ratio):
    """Return the largest component of the smallest subgradient of the mean objective."""
    scores = X @ model.coef_.T + model.intercept_
    scores -= scores.max(axis=1, keepdims=True)
    proba = np.exp(scores)
    proba /= proba.sum(axis=1, keepdims=True)
    residual = (proba - (y[:, np.newaxis] == model.classes_)) / len(X)
    l1, coef = l1_ratio / (C * len(X)), model.coef_
    slopes = residual.T @ X + (1 - l1_ratio) / (C * len(X)) * coef
    at_zero = np.maximum(np.abs(slopes) - l1, 0.0)
    slopes = np.where(coef == 0, at_zero, slopes + l1 * np.sign(coef))
    return max(np.max(np.abs(slopes)), np.max(np.abs(residual.sum(axis=0))))


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize(
    ("solver", "most", "C", "n_classes"),
    [
        ("newton", 20, 0.05, 4),
        ("newton", 20, 5.0, 5),
        ("newton", 20, 500.0, 5),
        ("lbfgs", 200, 0.05, 4),
        ("lbfgs", 200, 5.0, 5),
    ],
)
def test_several_classes_meet_tol_with_an_l1_term(solver, most, l1_ratio, C, n_classes):
    rng = np.random.default_rng(8)
    X = rng.normal(size=(3000, 8)) * np.logspace(-1, 1, 8)
    scores = X / X.std(axis=0) @ rng.normal(size=(8, n_classes))
    y = np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)
    model = LogisticRegression(solver=solver, C=C, l1_ratio=l1_ratio, tol=1e-8, max_iter=most)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
    assert subgradient(model, X, y, C, l1_ratio) <= 1.01e-8
