"""Fitted models as scikit-learn's own, whose import takes its time."""
# ruff: noqa: PLC0415

from __future__ import annotations

from typing import Any


def sklearn_kmeans(fitted: Any) -> Any:
    """Return a fitted ``sklearn.cluster.KMeans``."""
    from sklearn.cluster import KMeans
    from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

    model = KMeans(**_shared_parameters(fitted, KMeans))
    if isinstance(model.init, str) and model.init != "random":
        model.init = "k-means++"  # of ours, the one it has
    _hand_over(fitted, model, "cluster_centers_", "labels_", "inertia_", "n_iter_")
    # What its methods need beside: a fit of its own leaves these, too.
    model._n_features_out = len(fitted.cluster_centers_)  # noqa: SLF001
    model._n_threads = _openmp_effective_n_threads()  # noqa: SLF001
    return model


def sklearn_logistic_regression(fitted: Any) -> Any:
    """Return a fitted ``sklearn.linear_model.LogisticRegression``."""
    from sklearn.linear_model import LogisticRegression

    params = _shared_parameters(fitted, LogisticRegression)
    if params["solver"] not in ("liblinear", "newton-cg", "newton-cholesky", "sag", "saga"):
        l1 = bool(fitted.l1_ratio) or fitted.penalty in ("l1", "elasticnet")
        params["solver"] = "saga" if l1 else "lbfgs"
    model = LogisticRegression(**params)
    _hand_over(fitted, model, "coef_", "intercept_", "classes_", "n_iter_")
    return model


def _shared_parameters(fitted: Any, theirs: Any) -> dict[str, Any]:
    known = theirs().get_params()
    return {name: value for name, value in fitted.get_params().items() if name in known}


def _hand_over(fitted: Any, model: Any, *names: str) -> None:
    for name in (*names, "n_features_in_", "feature_names_in_"):
        if hasattr(fitted, name):
            setattr(model, name, getattr(fitted, name))
