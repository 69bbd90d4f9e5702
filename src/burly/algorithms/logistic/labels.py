"""Labels of any type as codes: which there are, and which is which."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.contributions import sorted_distinct
from burly.exceptions import ConfigurationError, DataError

Array = NDArray[Any]

MAX_CLASSES = 10_000
"""More distinct labels than this are not classes."""
_NARROW = 1 << 30
"""Labels below this in size, and their differences, are numbers of 32 bits."""
_SMALL_RANGE = 1 << 12
"""Integers within a range this wide are looked up in a table."""


def distinct(labels: Array) -> Array:
    """Return the sorted distinct labels of a shard, of shape (n,)."""
    table = _range(labels)
    if table is None:
        return sorted_distinct(labels)
    low, width = table
    if width <= 2:  # both ends were seen
        return np.arange(low, low + width).astype(labels.dtype)
    present = np.bincount(_offsets(labels, low), minlength=width) > 0
    return (np.flatnonzero(present) + low).astype(labels.dtype)


def check_classes(labels: Array, name: str) -> None:
    """Refuse labels that are measurements and not classes.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Distinct.
    name : str
        What a message calls them.

    Raises
    ------
    burly.exceptions.DataError
        If any is not a whole number, as scikit-learn refuses them.
    """
    if labels.dtype.kind != "f":
        return
    if not np.all(np.isfinite(labels)):
        raise DataError(f"Input y contains NaN or infinity: {name} has to name a class in each row")
    fractional = labels[labels != np.rint(labels)]
    if len(fractional):
        raise DataError(
            f"Unknown label type: continuous. {name} holds real numbers, such as "
            f"{fractional[0].item()!r}, and not classes; name another column, or cut the numbers into "
            "classes (y > 0.5, say)"
        )


def check_count(labels: Array, name: str) -> None:
    """Refuse labels, all distinct, that are numbers or names of rows and not classes.

    Raises
    ------
    burly.exceptions.DataError
        If there are more than `MAX_CLASSES`; the message is the same for every part of the data.
    """
    if len(labels) > MAX_CLASSES:
        kind = "numbers" if labels.dtype.kind in "iuf" else "labels"
        raise DataError(
            f"{name} holds more than {MAX_CLASSES:,} different {kind}, and not classes; name another "
            "column, or make them fewer: by range (y > 100, say), or by joining rare ones"
        )


def encode(labels: Array, classes: Array) -> NDArray[np.int32]:
    """Return for each label its place among the sorted classes, which hold all of them."""
    table = _range(labels)
    if table is None:
        return np.searchsorted(classes, labels).astype(np.int32)
    low, width = table
    first, last = int(classes[0]), int(classes[-1])
    if last - first + 1 == len(classes) and max(abs(first), abs(last)) < _NARROW:
        codes: NDArray[np.int32] = labels.astype(np.int32)
        return codes - np.int32(first) if first else codes
    places = np.searchsorted(classes, np.arange(low, low + width)).astype(np.int32)
    looked_up: NDArray[np.int32] = places[_offsets(labels, low)]
    return looked_up


def count(codes: NDArray[np.int32], n_classes: int) -> NDArray[np.int64]:
    """Return how many rows each class has, of shape (n_classes,)."""
    if n_classes == 2:
        ones = int(np.count_nonzero(codes))
        return np.array([len(codes) - ones, ones])
    return np.bincount(codes, minlength=n_classes)


def class_weights(
    wanted: str | Sequence[tuple[Any, float]] | None, classes: Array, sample_weights: Array
) -> Array:
    """Return what each class weighs, shape (n_classes,).

    Parameters
    ----------
    wanted : "balanced", sequence of (label, weight), or None
        A class without a weight has 1.
    classes : ndarray of shape (n_classes,)
    sample_weights : ndarray of shape (n_classes,)
        Their sums.

    Raises
    ------
    burly.exceptions.ConfigurationError
        As `refuse_strangers` raises.
    """
    weights = np.ones(len(classes))
    if wanted is None:
        return weights
    if isinstance(wanted, str):
        total = math.fsum(sample_weights.tolist())
        held = np.where(sample_weights > 0, sample_weights, 1.0)
        return np.where(sample_weights > 0, total / (len(classes) * held), 1.0)
    given, names = dict(wanted), classes.tolist()
    refuse_strangers(given, names)
    return np.array([given.get(name, 1.0) for name in names])


def refuse_strangers(labels: Collection[Any], classes: Sequence[Any]) -> None:
    """Refuse labels to weigh that are no classes, unless each class is among them, as scikit-learn does.

    Raises
    ------
    burly.exceptions.ConfigurationError
    """
    strangers = [label for label in labels if label not in classes]
    left = [name for name in classes if name not in labels]
    if strangers and left:
        raise ConfigurationError(
            f"class_weight gives a weight to {strangers[0]!r}, which is no class of the data, and none to "
            f"{left[0]!r}"
        )


def _range(labels: Array) -> tuple[int, int] | None:
    if labels.dtype.kind not in "biu" or not len(labels):
        return None
    low, high = int(labels.min()), int(labels.max())
    return (low, high - low + 1) if high - low < _SMALL_RANGE else None


def _offsets(labels: Array, low: int) -> NDArray[np.intp]:
    return labels.astype(np.intp) - low if low else labels.astype(np.intp, copy=False)
