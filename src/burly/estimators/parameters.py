"""Validate the estimators' parameters, which mean what they mean in scikit-learn."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from burly.algorithms.logistic.auto import SERVED_BY
from burly.estimators.starts import INITS
from burly.exceptions import ConfigurationError

PENALTIES = ("l1", "l2", "elasticnet", None)
SWITCHES = ("dual", "fit_intercept", "warm_start")
_CALLER = 4
"""Warnings point at the line that called fit."""


def check_kmeans(model: Any) -> None:
    """Refuse parameters of `KMeans` that cannot work."""
    for name in ("n_clusters", "max_iter"):
        value = getattr(model, name)
        if not _is_count(value):
            raise ConfigurationError(f"{name} must be a whole number from 1, got {value!r}")
    if not _is_real(model.tol) or not 0 <= model.tol < np.inf:
        raise ConfigurationError(f"tol must be 0 or more, got {model.tol!r}")
    is_auto = isinstance(model.n_init, str) and model.n_init == "auto"
    if not is_auto and not _is_count(model.n_init):
        raise ConfigurationError(f"n_init must be 'auto' or from 1, got {model.n_init!r}")
    if model.algorithm not in ("lloyd", "elkan"):
        raise ConfigurationError(f"algorithm must be 'lloyd' or 'elkan', got {model.algorithm!r}")
    if model.algorithm == "elkan" and model.n_clusters == 1:
        _warn("algorithm='elkan' makes no difference to one cluster", RuntimeWarning)
    _check_switch("copy_x", model.copy_x)
    _check_verbose(model.verbose)
    if isinstance(model.init, str) and model.init not in ("auto", *INITS):
        raise ConfigurationError(
            f"init must be 'auto', {', '.join(map(repr, INITS))}, an array or a callable, "
            f"got {model.init!r}"
        )


def check_logistic_regression(model: Any) -> None:
    """Refuse what scikit-learn refuses.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If a parameter is not what it may be.
    """
    solver = model.solver
    if not isinstance(solver, str) or solver not in SERVED_BY:
        raise ConfigurationError(f"solver must be one of {', '.join(SERVED_BY)}, got {solver!r}")
    for name in SWITCHES:
        _check_switch(name, getattr(model, name))
    _check_number("C", model.C, above=0, most=math.inf)
    if model.l1_ratio is not None:
        _check_number("l1_ratio", model.l1_ratio, most=1)
    _check_number("tol", model.tol)
    _check_number("intercept_scaling", model.intercept_scaling, above=0)
    _check_number("learning_rate", model.learning_rate, above=0)
    _check_number("max_iter", model.max_iter, kind=numbers.Integral)
    _check_verbose(model.verbose)
    _check_random_state(model.random_state)
    _check_class_weight(model.class_weight)
    if model.n_jobs is not None:
        if not isinstance(model.n_jobs, numbers.Integral):
            raise ConfigurationError(f"n_jobs must be None or an int, got {model.n_jobs!r}")
        warnings.warn("n_jobs has no effect: use n_threads", FutureWarning, stacklevel=_CALLER - 1)


def refuse_dual(model: Any, l1_ratio: float) -> None:
    """Refuse the dual form where scikit-learn has none.

    Raises
    ------
    burly.exceptions.ConfigurationError
    """
    if not model.dual:
        return
    if model.solver != "liblinear":
        raise ConfigurationError(
            f"solver={model.solver!r} supports only dual=False: dual=True is for solver='liblinear'"
        )
    if l1_ratio:
        raise ConfigurationError(
            f"dual=True is for an l2 penalty, and l1_ratio={l1_ratio}: use l1_ratio=0 or dual=False"
        )


def penalty_of(model: Any) -> tuple[float, float]:
    """Return C and l1_ratio, from these and from the older ``penalty``.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If there is no such penalty.
    """
    penalty, C, ratio = model.penalty, model.C, model.l1_ratio
    if isinstance(penalty, str) and penalty == "deprecated":
        if ratio is None:
            _warn("l1_ratio=None is deprecated: use a number from 0 to 1", FutureWarning)
        return C, 0.0 if ratio is None else ratio
    if penalty is not None and penalty not in PENALTIES:
        raise ConfigurationError(
            f"penalty must be 'l1', 'l2', 'elasticnet' or None, got {penalty!r}; "
            "l1_ratio and C replace it"
        )
    _warn("penalty is deprecated: use l1_ratio and C instead", FutureWarning)
    if penalty is None:
        if C != 1.0:
            _warn(f"penalty=None is C=np.inf: C={C} has no effect", UserWarning)
        return np.inf, 0.0
    if penalty == "elasticnet":
        if ratio is None:
            raise ConfigurationError("l1_ratio must be specified when penalty is elasticnet")
        return C, ratio
    meant = 1.0 if penalty == "l1" else 0.0
    if ratio not in (0.0, meant):  # 0 is the default
        _warn(f"penalty={penalty!r} is l1_ratio={meant:g}: {ratio} has no effect", UserWarning)
    return C, meant


def penalised_intercept_of(model: Any) -> float | None:
    """Return the value of the column whose coefficient is the intercept, where that is penalised."""
    if model.solver != "liblinear" or not model.fit_intercept:
        return None
    return float(model.intercept_scaling)


def _check_number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    least: float = 0.0,
    most: float | None = None,
    kind: type = numbers.Real,
) -> None:
    """Refuse what is no number, or outside; without ``most``, infinity is outside too."""
    low = least if above is None else above
    if isinstance(value, kind):
        number = float(value)  # type: ignore[arg-type]
        inside = number >= low if above is None else number > low
        if inside and (math.isfinite(number) if most is None else number <= most):
            return
    wanted = f"of at least {low:g}" if above is None else f"above {low:g}"
    if most is None:
        wanted += " and finite"
    elif math.isfinite(most):
        wanted += f" and at most {most:g}"
    what = "an int" if kind is numbers.Integral else "a number"
    raise ConfigurationError(f"{name} must be {what} {wanted}, got {value!r}")


def _check_switch(name: str, value: Any) -> None:
    if not isinstance(value, bool | np.bool):
        raise ConfigurationError(f"{name} must be True or False, got {value!r}")


def _check_verbose(value: Any) -> None:
    if not isinstance(value, bool | np.bool):
        _check_number("verbose", value, kind=numbers.Integral)


def _check_random_state(value: Any) -> None:
    if value is None or isinstance(value, np.random.RandomState):
        return
    if not isinstance(value, int | np.integer) or not 0 <= value < 1 << 32:
        raise ConfigurationError(
            f"random_state must be None, an int from 0 to 2**32 - 1 or a RandomState, got {value!r}"
        )


def _check_class_weight(value: Any) -> None:
    if value is None or (isinstance(value, str) and value == "balanced"):
        return
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"class_weight must be a dict, 'balanced' or None, got {value!r}")
    for label, weight in value.items():
        if not isinstance(weight, numbers.Real) or not 0 <= float(weight) < math.inf:
            raise ConfigurationError(
                f"the weight of class {label!r} must be finite and not negative, got {weight!r}"
            )


def _warn(message: str, kind: type[Warning]) -> None:
    warnings.warn(message, kind, stacklevel=_CALLER)


def _is_count(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= 1


def _is_real(value: Any) -> bool:
    return isinstance(value, numbers.Real)
