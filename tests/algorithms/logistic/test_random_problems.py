"""Problems at random, among them those whose fits once stopped short: tol 1e-8 is met.

Columns go together, have means far from zero and sizes from 1e-4 to 1e4; classes are rare or weighed. The
gradient is checked with more digits than fits have.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from burly import LogisticRegression

TOL = 1e-8
LBFGS_STOPPED_SHORT = (50, 98, 114, 147, 193, 194, 259, 267, 269, 293, 311, 330, 386, 391, 392, 397)
LBFGS_CREPT = (411, 553)
NEWTON_TOOK_ONE_STEP_TOO_FEW = (164, 553)
OTHERS = (0, 1, 2, 3, 4, 5, 6, 7)


@dataclass
class Case:
    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None
    params: dict[str, Any]


def draw(seed):
    rng = np.random.default_rng(seed)
    n, d = int(np.exp(rng.uniform(np.log(200), np.log(5000)))), int(rng.integers(2, 41))
    n_classes = int(rng.choice([2, 2, 2, 3, 4, 5]))
    C = float(10 ** rng.uniform(-3, 3))
    penalty = rng.choice(["none", "l2", "l2", "l2", "l1", "en"])
    l1_ratio = {"l1": 1.0, "en": 0.5}.get(str(penalty), 0.0)
    C = np.inf if penalty == "none" else C
    d = d if n_classes == 2 else min(d, 20)
    X = rng.normal(size=(n, d))
    if rng.random() < 0.3:
        X = X @ np.linalg.cholesky(0.95 * np.ones((d, d)) + 0.05 * np.eye(d)).T
    if rng.random() < 0.15:
        X = np.exp(X)
    Z = (X - X.mean(0)) / X.std(0)
    if rng.random() < 0.3:
        X = X + rng.normal(size=d) * 10 ** rng.uniform(0, 2)
    if rng.random() < 0.4:
        X = X * 10 ** rng.uniform(-4, 4, size=d)
    bias = rng.normal(size=n_classes)
    if rng.random() < 0.2:
        bias[0] -= 5
    scores = Z @ rng.normal(size=(d, n_classes)) * rng.choice([0.1, 0.3, 1])
    y = np.argmax(scores + rng.gumbel(size=(n, n_classes)) * rng.choice([0.5, 1, 3]) + bias, 1)
    fit_intercept = bool(rng.random() < 0.85)
    class_weight = "balanced" if rng.random() < 0.2 else None
    weights = rng.choice([0, 1, 2, 0.5], size=n) if rng.random() < 0.25 else None
    if weights is not None and len(np.unique(y[weights > 0])) < len(np.unique(y)):
        weights = None
    params = {
        "C": C,
        "l1_ratio": l1_ratio,
        "fit_intercept": fit_intercept,
        "class_weight": class_weight,
    }
    return Case(X, y, weights, params)


def steepest(model, case):
    """Return the largest component of the smallest subgradient of the mean objective."""
    codes = np.searchsorted(model.classes_, case.y)
    weights = np.ones(len(codes)) if case.weights is None else case.weights
    if case.params["class_weight"]:
        totals = np.bincount(codes, weights)
        weights = weights * (weights.sum() / (len(totals) * totals))[codes]
    total, long = weights.sum(), np.longdouble
    X, coef = case.X.astype(long), model.coef_.astype(long)
    z = X @ coef.T + model.intercept_.astype(long)
    z = np.column_stack([np.zeros_like(z), z]) if len(coef) == 1 else z
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(p)), codes] -= 1
    residuals = (p * weights[:, np.newaxis] / total)[:, -len(coef) :]
    C, ratio = case.params["C"], case.params["l1_ratio"]
    slopes, l1 = residuals.T @ X + coef * ((1 - ratio) / C / total), ratio / C / total
    at_zero = np.maximum(np.abs(slopes) - l1, 0)
    found = np.where(coef == 0, at_zero, np.abs(slopes + np.sign(coef) * l1)).max()
    return max(found, np.abs(residuals.sum(0)).max() if case.params["fit_intercept"] else 0)


def fit(case, solver):
    model = LogisticRegression(solver=solver, tol=TOL, max_iter=1000, **case.params)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return model.fit(case.X, case.y, case.weights)


@pytest.mark.parametrize(
    ("solver", "seed"),
    [
        *(("lbfgs", seed) for seed in LBFGS_STOPPED_SHORT + LBFGS_CREPT + OTHERS),
        *(("newton", seed) for seed in NEWTON_TOOK_ONE_STEP_TOO_FEW + OTHERS),
        *(("auto", seed) for seed in OTHERS),
    ],
)
def test_tol_is_met_without_a_warning(solver, seed):
    case = draw(seed)
    # What rounding of the margins may leave undecided.
    assert steepest(fit(case, solver), case) <= TOL * (1 + 1e-6)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_a_tol_that_rounding_hides_ends_with_a_warning_at_the_best_point_seen(solver):
    case = draw(1)
    model = LogisticRegression(solver=solver, tol=0.0, max_iter=1000, **case.params)
    with pytest.warns(UserWarning, match="did not reach tol"):
        model.fit(case.X, case.y, case.weights)
    assert model.n_iter_[0] < 100
    assert steepest(model, case) <= 1e-10
