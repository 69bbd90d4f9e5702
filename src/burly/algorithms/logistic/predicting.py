"""Margins, probabilities and labels of rows under given coefficients: no rounds, only outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from burly.algorithms.base import OutputsOnly
from burly.data.checks import refuse_non_finite
from burly.data.partition import Partition
from burly.kernels import ThreadTeam
from burly.kernels.logistic_predict import decision_function, log_probabilities, probabilities
from burly.states import State

Array = NDArray[Any]

OUTPUTS = ("margins", "labels", "probabilities", "log_probabilities")
ONE_OF = {
    "margins": "margin",
    "probabilities": "probability",
    "log_probabilities": "log_probability",
}
"""What a column of its own is called."""


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
    dtype : numpy dtype
        What margins and probabilities are rounded to; they are computed in float64.
    named : bool
        Whether outputs of a row for each class come apart, each called after its class: as columns of
        a table.
    """

    coef: Array
    classes: Array
    wanted: tuple[str, ...] = ("labels",)
    dtype: DTypeLike = np.float64
    named: bool = False

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
        found = [decision_function(shard.X, self.coef, team) for shard in shards]
        margins = np.concatenate(found) if found else np.empty((0, len(self.coef)))
        outputs = {name: self._of(name, margins, team) for name in self.wanted}
        return self._apart(outputs) if self.named else outputs

    def _of(self, name: str, margins: Array, team: ThreadTeam) -> Array:
        match name:
            case "margins":
                wanted = margins[:, 0] if len(self.classes) == 2 else margins
                return wanted.astype(self.dtype, copy=False)
            case "labels":
                return self.classes[_best(margins)]
            case "probabilities":
                return probabilities(margins, team).astype(self.dtype, copy=False)
            case _:
                return log_probabilities(margins, team).astype(self.dtype, copy=False)

    def _apart(self, outputs: dict[str, Array]) -> dict[str, Array]:
        columns: dict[str, Array] = {}
        for name, values in outputs.items():
            called = ONE_OF.get(name, name)
            if values.ndim == 1:
                columns[called] = values
                continue
            for j, label in enumerate(self.classes.tolist()):
                columns[f"{called}_{label}"] = values[:, j]
        return columns


def _best(margins: Array) -> NDArray[np.intp]:
    if margins.shape[1] == 1:
        return (margins[:, 0] > 0).astype(np.intp)
    codes: NDArray[np.int64] = np.argmax(margins, axis=1)
    return codes
