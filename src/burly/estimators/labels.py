"""Encode labels of any type for the workers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from burly.algorithms.logistic.labels import MAX_CLASSES, distinct, refuse_strangers
from burly.data.dataset import Dataset
from burly.exceptions import ConfigurationError

Array = NDArray[Any]


def labels_for_workers(model: Any, X: Any, y: Any) -> tuple[Any, Array | None]:
    """Return labels that workers can tell apart, and the classes if these are not them."""
    if y is None:
        if isinstance(X, Dataset):
            return None, None
        raise ConfigurationError(
            f"{type(model).__name__} requires y to be passed, but the target y is None"
        )
    labels = column_or_1d(y, warn=True)
    if not isinstance(X, Dataset):
        check_consistent_length(X, labels)
    if labels.dtype.kind not in "biuUS":
        if labels.dtype.kind == "f" and not np.all(np.isfinite(labels)):
            raise ConfigurationError("Input y contains NaN or infinity")
        if labels.dtype.kind == "O" and any(label is None or label != label for label in labels):  # noqa: PLR0124  NaN
            raise ConfigurationError("Input y contains NaN or None: every row needs a label")
        check_classification_targets(labels)
    if labels.dtype.kind in "biufUS":
        return labels, None
    classes, codes = np.unique(labels, return_inverse=True)
    return codes.astype(np.int64), classes


def count_classes(labels: Array | None, objects: Array | None) -> int | None:
    """Return how many classes labels in memory name; None if these are stored, or are no classes."""
    if objects is not None:
        return len(objects)
    if labels is None:
        return None
    n_classes = len(distinct(labels))
    return n_classes if n_classes <= MAX_CLASSES else None


def class_weight_of(model: Any, objects: Array | None) -> Any:
    """Return the weights of classes as workers know these; None and "balanced" as they are."""
    if model.class_weight is None or isinstance(model.class_weight, str):
        return model.class_weight
    pairs = list(model.class_weight.items())
    if objects is None:
        return tuple((label, float(weight)) for label, weight in pairs)
    refuse_strangers(model.class_weight, objects.tolist())
    places = {label: place for place, label in enumerate(objects.tolist())}
    return tuple((places[label], float(weight)) for label, weight in pairs if label in places)


def name_of_labels(X: Any) -> str:
    """Return what messages call the labels."""
    if not isinstance(X, Dataset) or X.label is None:
        return "the label of a line" if isinstance(X, Dataset) and not X.in_memory else "y"
    return f"column {X.label!r}"
