"""The choice of a solver, by the shape of the data alone."""

import pytest

from burly.algorithms.logistic.auto import choose


@pytest.mark.parametrize(
    ("n_coefficients", "n_rows", "sparse", "solver"),
    [
        (21, 100, False, "newton"),
        (300, 300, False, "newton"),
        (301, 30_000, False, "lbfgs"),
        (301, 30_100, False, "newton"),
        (1000, 99_999, False, "lbfgs"),
        (1000, 100_000, False, "newton"),
        (2001, 10_000_000, False, "lbfgs"),
        (21, 1000, True, "lbfgs"),
    ],
)
def test_auto_follows_the_documented_rule(n_coefficients, n_rows, sparse, solver):
    assert choose("auto", n_coefficients, n_rows, sparse=sparse) == solver


def test_what_was_asked_for_is_chosen():
    assert choose("gd", 21, 100, sparse=False) == "gd"
