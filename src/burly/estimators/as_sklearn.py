"""Fitted models as scikit-learn's own, whose import takes its time."""
# ruff: noqa: PLC0415

from __future__ import annotations

from typing import Any


def sklearn_kmeans(fitted: Any) -> Any:
    """Return a fitted ``sklearn.cluster.KMeans``."""
    from sklearn.cluster import KMeans

    init = fitted.init if isinstance(fitted.init, str) and fitted.init == "random" else "k-means++"
    model = KMeans(
        n_clusters=len(fitted.cluster_centers_), init=init, max_iter=fitted.max_iter, tol=fitted.tol
    )
    _hand_over(fitted, model, "cluster_centers_", "labels_", "inertia_", "n_iter_")
    model._n_threads = 1  # noqa: SLF001  its predict needs it
    return model


def sklearn_logistic_regression(fitted: Any) -> Any:
    """Return a fitted ``sklearn.linear_model.LogisticRegression``."""
    from sklearn.linear_model import LogisticRegression

    known = LogisticRegression().get_params()
    params = {name: value for name, value in fitted.get_params().items() if name in known}
    if params["solver"] not in ("liblinear", "newton-cg", "newton-cholesky", "sag", "saga"):
        l1 = bool(fitted.l1_ratio) or fitted.penalty in ("l1", "elasticnet")
        params["solver"] = "saga" if l1 else "lbfgs"
    model = LogisticRegression(**params)
    _hand_over(fitted, model, "coef_", "intercept_", "classes_", "n_iter_")
    return model


def _hand_over(fitted: Any, model: Any, *names: str) -> None:
    for name in (*names, "n_features_in_", "feature_names_in_"):
        if hasattr(fitted, name):
            setattr(model, name, getattr(fitted, name))
