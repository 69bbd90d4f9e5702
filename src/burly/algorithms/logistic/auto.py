"""Which solver serves a fit: by the data's shape and the penalty alone, never by where it runs."""

from __future__ import annotations

from burly.algorithms.logistic.problem import Problem
from burly.exceptions import ConfigurationError

LARGEST_NEWTON = 2000
"""Coefficients for which a Hessian is still worth its rounds, at least; see docs/logistic.md."""

SERVED_BY = {
    "auto": "auto",
    "newton": "newton",
    "lbfgs": "lbfgs",
    "gd": "gd",
    "newton-cholesky": "auto",
    "newton-cg": "auto",
    "sag": "auto",
    "saga": "auto",
    "liblinear": "auto",
}
"""What each name that a user may give is served by; those of scikit-learn have the same optimum."""


def choose(problem: Problem) -> str:
    """Return the solver for a fit.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If the one that was asked for cannot serve it.
    """
    asked = problem.settings.solver
    if asked == "newton" and problem.sparse:
        raise ConfigurationError(
            "solver='newton' takes Hessians of dense rows, and these are sparse: use solver='lbfgs' or 'auto'"
        )
    if asked == "gd" and problem.settings.l1:
        raise ConfigurationError(
            "solver='gd' knows no l1 penalty: use l1_ratio=0, or solver='lbfgs', 'newton' or 'auto'"
        )
    if asked != "auto":
        return asked
    n_coefficients = problem.n_outputs * (problem.n_features + 1)
    return "lbfgs" if problem.sparse or n_coefficients > LARGEST_NEWTON else "newton"
