"""Which solver serves a fit: by the data's shape and the penalty alone, never by where it runs."""

from __future__ import annotations

from burly.algorithms.logistic.problem import Problem
from burly.algorithms.logistic.settings import Settings
from burly.exceptions import ConfigurationError

SMALL, LARGE = 300, 2000
"""Up to so many coefficients Newton's method is chosen for dense rows, and above so many never."""
ROWS_A_COEFFICIENT = 100
"""Between these it needs so many rows a coefficient: the crossover on correlated columns, as
benchmarks/logistic_crossover.py measures it; docs/logistic.md has the figures."""

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


def newton_may_end(problem: Problem, *, most: int = LARGE) -> bool:
    """Whether Newton's method may take over what L-BFGS leaves."""
    n_coefficients = problem.n_outputs * (problem.n_features + 1)
    return not problem.sparse and n_coefficients <= most


def check(settings: Settings, *, sparse: bool) -> None:
    """Refuse a solver that cannot serve what it is asked for.

    Raises
    ------
    burly.exceptions.ConfigurationError
    """
    if settings.solver == "newton" and sparse:
        raise ConfigurationError(
            "solver='newton' takes Hessians of dense rows, and these are sparse: use solver='lbfgs' or 'auto'"
        )
    if settings.solver == "gd" and settings.l1:
        raise ConfigurationError(
            "solver='gd' knows no l1 penalty: use l1_ratio=0, or solver='lbfgs', 'newton' or 'auto'"
        )


def choose(asked: str, n_coefficients: int, n_rows: float, *, sparse: bool) -> str:
    """Return the solver for a fit: the one that was asked for, or what "auto" stands for."""
    if asked != "auto":
        return asked
    enough = n_coefficients <= SMALL or n_rows >= ROWS_A_COEFFICIENT * n_coefficients
    return "newton" if enough and n_coefficients <= LARGE and not sparse else "lbfgs"
