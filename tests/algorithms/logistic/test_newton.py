"""The sampled Newton method needs few passes over all rows, on hard data too."""

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
