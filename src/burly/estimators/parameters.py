"""Parameters of the estimators: refused where they cannot work, and read as scikit-learn means them."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from burly.algorithms.logistic.auto import SERVED_BY
from burly.estimators.starts import INITS
from burly.exceptions import ConfigurationError


def check_kmeans(model: Any) -> None:
    """Refuse parameters of `KMeans` that cannot work."""
    for name in ("n_clusters", "max_iter"):
        value = getattr(model, name)
        if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
            raise ConfigurationError(f"{name} must be a whole number from 1, got {value!r}")
    if not _is_real(model.tol) or not 0 <= model.tol < np.inf:
        raise ConfigurationError(f"tol must be 0 or more, got {model.tol!r}")
    is_auto = isinstance(model.n_init, str) and model.n_init == "auto"
    if not is_auto and (not isinstance(model.n_init, numbers.Integral) or model.n_init < 1):
        raise ConfigurationError(f"n_init must be 'auto' or from 1, got {model.n_init!r}")
    if model.algorithm not in ("lloyd", "elkan"):
        raise ConfigurationError(f"algorithm must be 'lloyd' or 'elkan', got {model.algorithm!r}")
    if isinstance(model.init, str) and model.init not in ("auto", *INITS):
        raise ConfigurationError(
            f"init must be 'auto', {', '.join(map(repr, INITS))}, an array or a callable, "
            f"got {model.init!r}"
        )


def check_logistic_regression(model: Any) -> None:
    """Refuse parameters of `LogisticRegression` that cannot work."""
    if model.solver not in SERVED_BY:
        raise ConfigurationError(
            f"solver must be one of {', '.join(SERVED_BY)}, got {model.solver!r}"
        )
    if not _is_real(model.C) or not model.C > 0:
        raise ConfigurationError(f"C must be a number above 0, got {model.C!r}")
    ratio = model.l1_ratio
    if ratio is not None and (not _is_real(ratio) or not 0 <= ratio <= 1):
        raise ConfigurationError(f"l1_ratio must be from 0 to 1, got {ratio!r}")
    if not _is_real(model.tol) or not 0 <= model.tol < np.inf:
        raise ConfigurationError(f"tol must be 0 or more, got {model.tol!r}")
    if not isinstance(model.max_iter, numbers.Integral) or model.max_iter < 0:
        raise ConfigurationError(f"max_iter must be 0 or more, got {model.max_iter!r}")
    if not _is_real(model.intercept_scaling) or not model.intercept_scaling > 0:
        raise ConfigurationError(
            f"intercept_scaling must be a number above 0, got {model.intercept_scaling!r}"
        )
    weight = model.class_weight
    if weight is not None and weight != "balanced" and not isinstance(weight, Mapping):
        raise ConfigurationError(f"class_weight must be a dict, 'balanced' or None, got {weight!r}")
    if model.n_jobs is not None:
        warnings.warn("n_jobs has no effect: use n_threads", FutureWarning, stacklevel=3)


def penalty_of(model: Any) -> tuple[float, float]:
    """Return C and l1_ratio, from these and from the older penalty."""
    ratio = model.l1_ratio
    if model.penalty == "deprecated":
        if ratio is None:
            warnings.warn(
                "l1_ratio=None is deprecated: use a number from 0 to 1",
                FutureWarning,
                stacklevel=3,
            )
        return model.C, 0.0 if ratio is None else ratio
    if model.penalty not in ("l1", "l2", "elasticnet", None):
        raise ConfigurationError(
            f"penalty must be 'l1', 'l2', 'elasticnet' or None, got {model.penalty!r}; "
            "l1_ratio and C replace it"
        )
    warnings.warn("penalty is deprecated: use l1_ratio and C instead", FutureWarning, stacklevel=3)
    if model.penalty is None:
        return np.inf, 0.0
    if model.penalty == "elasticnet":
        if ratio is None:
            raise ConfigurationError("l1_ratio must be specified when penalty is elasticnet")
        return model.C, ratio
    return model.C, 1.0 if model.penalty == "l1" else 0.0


def penalised_intercept_of(model: Any) -> float | None:
    """Return the value of the column whose coefficient is the intercept, where that is penalised."""
    if model.solver != "liblinear" or not model.fit_intercept:
        return None
    return float(model.intercept_scaling)


def _is_real(value: Any) -> bool:
    return isinstance(value, numbers.Real)
