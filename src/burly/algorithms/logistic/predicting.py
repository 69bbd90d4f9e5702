"""Margins, probabilities and labels of rows under given coefficients: no rounds, only outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.base import OutputsOnly
from burly.data.checks import refuse_non_finite
from burly.data.csr import CSR
from burly.data.partition import AnyRows, Partition
from burly.kernels import ThreadTeam
from burly.kernels.logistic import decision_function
from burly.states import State

Array = NDArray[Any]

OUTPUTS = ("margins", "labels", "probabilities", "log_probabilities")


@dataclass(frozen=True, eq=False)
class Prediction(OutputsOnly):
    """Apply a model.

    Attributes
    ----------
    coef : ndarray of shape (n_outputs, n_features + 1)
        float64, the intercept last.
    classes : ndarray of shape (n_classes,)
    wanted : tuple of str
        Of `OUTPUTS`.
    """

    coef: Array
    classes: Array
    wanted: tuple[str, ...] = ("labels",)

    def scratch(self, partition: Partition, team: ThreadTeam) -> None:
        """Nothing is kept."""

    def outputs(
        self,
        state: State,  # noqa: ARG002
        partition: Partition,
        team: ThreadTeam,
        scratch: Any,  # noqa: ARG002
    ) -> dict[str, Array]:
        refuse_non_finite(partition)
        shards = [shard for shard in partition.shards if shard.X.shape[0]]
        if not shards:
            return {name: self._of(name, np.empty((0, len(self.coef)))) for name in self.wanted}
        margins = np.concatenate([_margins(s.X, self.coef, team) for s in shards])
        return {name: self._of(name, margins) for name in self.wanted}

    def _of(self, name: str, margins: Array) -> Array:
        match name:
            case "margins":
                return margins[:, 0] if len(self.classes) == 2 else margins
            case "labels":
                return self.classes[_best(margins)]
            case "probabilities":
                return np.exp(log_probabilities(margins))
            case _:
                return log_probabilities(margins)


def _margins(X: AnyRows, coef: Array, team: ThreadTeam) -> Array:
    if isinstance(X, CSR):
        return decision_function(X, coef, team)
    return margins_of(X, coef)


def margins_of(X: Array, coef: Array) -> Array:
    """Return the margins of rows, shape (n_rows, n_outputs), float64.

    Feature by feature, so that labels have the same bits on every processor.
    """
    margins = np.empty((len(X), len(coef)))
    for k, row in enumerate(coef):
        sums = np.full(len(X), row[-1])
        for j, weight in enumerate(row[:-1]):
            sums += X[:, j] * weight
        margins[:, k] = sums
    return margins


def log_probabilities(margins: Array) -> Array:
    """Return the logarithms of the classes' probabilities; large margins do not overflow."""
    both = np.column_stack([np.zeros(len(margins)), margins]) if margins.shape[1] == 1 else margins
    if not len(both):
        return both
    shifted = both - np.max(both, axis=1, keepdims=True)
    logs: Array = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return logs


def _best(margins: Array) -> NDArray[np.intp]:
    if margins.shape[1] == 1:
        return (margins[:, 0] > 0).astype(np.intp)
    codes: NDArray[np.int64] = np.argmax(margins, axis=1)
    return codes
