"""The choice of a solver, by the shape of the data alone."""

import numpy as np
import pytest

from burly.algorithms.logistic.auto import choose
from burly.algorithms.logistic.problem import Problem
from burly.algorithms.logistic.settings import Settings
from burly.kernels.logistic import Bounds


def shaped(n_features, n_classes=2, *, sparse=False):
    ones = np.ones(n_classes)
    columns = np.ones(n_features)
    bounds = Bounds(columns, 1.0, 1.0, 1, 1)
    return Problem(
        Settings(), n_features, n_classes, sparse, False, ones, ones, 1.0, columns, columns, bounds
    )


@pytest.mark.parametrize(
    ("problem", "n_rows", "solver"),
    [
        (shaped(20), 100, "newton"),
        (shaped(299), 300, "newton"),
        (shaped(300), 30_000, "lbfgs"),
        (shaped(300), 30_100, "newton"),
        (shaped(99, 10), 99_999, "lbfgs"),
        (shaped(99, 10), 100_000, "newton"),
        (shaped(2000), 10_000_000, "lbfgs"),
        (shaped(20, sparse=True), 1000, "lbfgs"),
    ],
)
def test_auto_follows_the_documented_rule(problem, n_rows, solver):
    assert choose(problem, n_rows) == solver
