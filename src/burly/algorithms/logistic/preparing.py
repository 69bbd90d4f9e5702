"""The two rounds before a solver starts: which classes there are, and what the columns look like.

1. "classes": the distinct labels, the rows, the largest weight, and the largest values of a sample of
   the blocks.
2. "profile": rows and weights of each class; means and squares of the columns over the same sample.

Solvers guess from that sample what no value exceeds, with a generous margin; see `measuring` for where that
does not hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.logistic import measuring
from burly.algorithms.logistic.labels import (
    check_classes,
    check_count,
    class_weights,
    count,
    distinct,
    encode,
)
from burly.algorithms.logistic.settings import Settings
from burly.contributions import Part, Reducer, Step, sorted_distinct
from burly.data.partition import DatasetInfo, Partition
from burly.exact_sum import grid_for
from burly.exceptions import ConfigurationError, DataError
from burly.kernels.logistic import ALL_BLOCKS, Bounds, LogisticRows, Units, block_limit
from burly.states import State

Array = NDArray[Any]

PROFILE_ROWS = 4096
"""Rows of the sample that the columns are judged by."""
HEADROOM = 8.0
"""How many times larger than in that sample a value may be before all rows are measured."""


@dataclass(slots=True)
class Scratch:
    """What a worker keeps between rounds."""

    rows: LogisticRows
    codes: list[NDArray[np.int32]] = field(default_factory=list)
    labelled: bool = False

    def label(self, state: State, partition: Partition) -> LogisticRows:
        """See to it that the kernel knows the labels and the weights of the classes."""
        if not self.labelled:
            classes, weights = state["classes"], state["class_weight"]
            # Without weights the kernels take one logarithm a block, not one a row.
            factors = None if np.all(weights == 1.0) else weights
            self.rows.label(self.encoded(classes, partition), len(classes), factors)
            self.labelled = True
        return self.rows

    def encoded(self, classes: Array, partition: Partition) -> list[NDArray[np.int32]]:
        """Return the codes of the labels, shard by shard."""
        if not self.codes and partition.shards:
            self.codes = [encode(_labels(shard.y), classes) for shard in partition.shards]
        return self.codes


def threshold_for(wanted_rows: float, n_rows: float) -> int:
    """Return the threshold of a sample of about so many rows."""
    if wanted_rows >= n_rows:
        return ALL_BLOCKS
    return max(1, int(ALL_BLOCKS * (wanted_rows / n_rows)))


def start(settings: Settings, info: DatasetInfo) -> State:
    """Return the first state."""
    if not info.labelled:
        raise ConfigurationError(
            "logistic regression needs labels, and the data names none",
            remedy="name their column with {label}" + (", or pass y" if info.in_memory else ""),
        )
    # Where only reading tells how many rows there are, these are fewer.
    threshold = threshold_for(PROFILE_ROWS, info.max_rows)
    sparse = bool(info.sparse)
    arrays: dict[str, Array] = {
        "sparse": np.array(sparse),
        "float32": np.array(info.dtype == np.float32),
        "n_shards": np.array(info.n_shards),
        # A sample would miss most columns of sparse rows.
        "profile_threshold": np.array(ALL_BLOCKS if sparse else threshold),
        "weighted": np.array(info.weighted),
    }
    if settings.start is not None:
        arrays["start"] = settings.start
    return State("classes", arrays)


def step_classes(state: State, partition: Partition, scratch: Scratch, label: str) -> Step:
    """Contribute what "classes" asks for; ``label`` is what messages call the labels."""
    found = [distinct(_labels(shard.y)) for shard in partition.shards]
    for labels in found:
        check_classes(labels, label)
    labels = sorted_distinct(np.concatenate(found)) if found else np.empty(0)
    check_count(labels, label)
    weights = [shard.weights for shard in partition.shards if shard.weights is not None]
    _check_weights(weights)
    bounds = scratch.rows.column_bounds(threshold=int(state["profile_threshold"]))
    return Step(
        {
            "classes": Part(Reducer.UNION, labels),
            "rows": Part(Reducer.SUM, np.array([partition.n_rows], dtype=np.int64)),
            "weight": Part(Reducer.MAX, np.array([_largest(weights, state)])),
            "columns": Part(Reducer.MAX, bounds),
        }
    )


def update_classes(
    settings: Settings, state: State, totals: Mapping[str, Array], label: str
) -> State:
    """Go on to "profile"."""
    classes = totals["classes"]
    check_count(classes, label)
    if not len(classes):
        raise DataError("the data has no rows")
    if len(classes) < 2:
        raise DataError(
            "This solver needs samples of at least 2 classes in the data, but the data contains only "
            f"one class: {classes[0].item()!r}"
        )
    if settings.two_classes and len(classes) > 2:
        raise DataError(
            f"Only binary classification is supported by solver='liblinear', and there are {len(classes)} "
            "classes: take another solver, or wrap the estimator in a OneVsRestClassifier"
        )
    all_seen = int(state["profile_threshold"]) >= ALL_BLOCKS
    n_rows = int(totals["rows"][0])
    threshold = ALL_BLOCKS if all_seen else threshold_for(PROFILE_ROWS, n_rows)
    arrays = {
        **state.arrays,
        "classes": classes,
        "n_rows": np.array(n_rows),
        "n_blocks": np.array(block_limit(int(state["n_shards"]), n_rows)),
        "profile_threshold": np.array(threshold),
        "sample_weight_bound": totals["weight"][0],
        "column_bounds": totals["columns"] * (1.0 if all_seen else HEADROOM),
    }
    return State("profile", arrays)


def step_profile(state: State, partition: Partition, scratch: Scratch) -> Step:
    """Contribute what "profile" asks for."""
    classes = state["classes"]
    n_classes = len(classes)
    codes = scratch.encoded(classes, partition)
    rows = np.zeros(n_classes, dtype=np.int64)
    grid = _weight_grid(state)
    weights = np.zeros(n_classes, dtype=np.int64)
    for code, shard in zip(codes, partition.shards, strict=True):
        rows += count(code, n_classes)
        if shard.weights is not None:
            sums = np.bincount(code, shard.weights, minlength=n_classes)
            weights += grid.round(sums)[0]
    moments = scratch.rows.moments(
        _profile_bounds(state),
        np.zeros(partition.info.n_features),
        threshold=int(state["profile_threshold"]),
    )
    parts = {"class_rows": rows, "class_weights": weights, **moments}
    return Step({name: Part(Reducer.SUM, array) for name, array in parts.items()})


def update_profile(settings: Settings, state: State, totals: Mapping[str, Array]) -> State:
    """Return a state without a phase, from which a solver starts."""
    exceeded = bool(totals["exceeded"][0])
    if int(state["profile_threshold"]) < ALL_BLOCKS and (exceeded or not int(totals["weight"][0])):
        # The sample missed every block that weighs anything, or one with large values: look at all.
        arrays = {**state.arrays, "profile_threshold": np.array(ALL_BLOCKS)}
        return State("classes", arrays)
    if exceeded:
        return measuring.again(state)
    class_rows = totals["class_rows"]
    sample_weights = class_rows.astype(np.float64)
    if bool(state["weighted"]):
        sample_weights = _weight_grid(state).decode(totals["class_weights"][np.newaxis])
    class_weight = class_weights(settings.class_weight, state["classes"], sample_weights)
    class_totals = sample_weights * class_weight
    total = _sum(class_totals)
    if not total > 0:
        raise DataError(
            "the weights of all rows are zero; at least one row needs a positive sample weight"
        )
    shift, scale = _scaling(settings, state, totals)
    arrays = {name: state[name] for name in _KEPT if name in state.arrays}
    return State(
        "profile",
        {
            **arrays,
            "class_rows": class_rows,
            "class_weight": class_weight,
            "class_totals": class_totals,
            "total_weight": np.array(total),
            "weight_bound": state["sample_weight_bound"] * np.max(class_weight),
            "shift": shift,
            "scale": scale,
            **({"nonzeros": totals["nonzeros"]} if "nonzeros" in totals else {}),
        },
    )


_KEPT = (
    "sparse",
    "float32",
    "classes",
    "n_rows",
    "n_blocks",
    "column_bounds",
    "start",
)


def _profile_bounds(state: State) -> Bounds:
    return Bounds(
        columns=state["column_bounds"],
        weight=float(state["sample_weight_bound"]),
        margin=1.0,
        n_rows=int(state["n_rows"]),
        n_blocks=int(state["n_blocks"]),
    )


def _scaling(settings: Settings, state: State, totals: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return the shift and the scale of the columns, from the moments of a sample."""
    bounds, sparse = _profile_bounds(state), bool(state["sparse"])
    sums = Units.of(bounds, sparse=sparse, squares=True).values(totals)
    weight = max(float(sums["weight"][0]), 1e-300)
    mean = sums["sums"] / weight
    square = sums["squares"] / weight
    free = settings.fit_intercept and settings.intercept_scaling is None
    shift = mean if free and not bool(state["sparse"]) else np.zeros_like(mean)
    variance = square - shift * shift
    # What is left of a column that does not vary is rounding.
    varies = variance > 1e-12 * square
    scale = 1.0 / np.sqrt(np.where(varies, variance, 1.0))
    return shift, np.where(varies, scale, 1.0)


def _weight_grid(state: State) -> Any:
    bound = float(state["sample_weight_bound"]) * float(state["n_rows"])
    return grid_for(np.array([bound]), int(state["n_shards"]), levels=1)


def _labels(y: Array | None) -> Array:
    if y is None:
        raise ConfigurationError("logistic regression needs labels: a shard came without y")
    return y


def _check_weights(weights: list[Array]) -> None:
    for column in weights:
        if len(column) and not (np.all(np.isfinite(column)) and np.min(column) >= 0):
            raise DataError(
                f"sample weights must be finite and not negative, got {float(np.min(column))!r}; "
                "use 0 to leave a row out"
            )


def _largest(weights: list[Array], state: State) -> float:
    if not bool(state["weighted"]):
        return 1.0
    return max((float(np.max(column)) for column in weights if len(column)), default=0.0)


def _sum(values: Array) -> float:
    return math.fsum(values.tolist())
