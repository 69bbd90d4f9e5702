"""Logistic regression as step and update: phases shared by the solvers, then one solver's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.base import Algorithm
from burly.algorithms.logistic import newton, preparing
from burly.algorithms.logistic.preparing import Scratch
from burly.algorithms.logistic.problem import Problem
from burly.algorithms.logistic.settings import Settings
from burly.contributions import Part, Reducer, Step, Totals
from burly.data.partition import DatasetInfo, Partition
from burly.kernels import ThreadTeam
from burly.kernels.logistic import LogisticRows
from burly.states import State

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class LogisticRegression(Algorithm):
    """Fit logistic regression; see `Settings` for the objective.

    The phases: "classes" and "profile" (see `preparing`), "bounds" where a guess did not hold, and
    the evaluations of the solver, which differ in point, sample and what is summed, but not in kind.
    """

    settings: Settings
    feature_names: tuple[str, ...] = ()

    def start(self, info: DatasetInfo) -> State:
        return preparing.start(self.settings, info)

    def scratch(self, partition: Partition, team: ThreadTeam) -> Scratch:
        return Scratch(LogisticRows(partition, team))

    def step(self, state: State, partition: Partition, team: ThreadTeam, scratch: Scratch) -> Step:
        match state.phase:
            case "classes":
                return preparing.step_classes(state, partition, scratch)
            case "profile":
                return preparing.step_profile(state, partition, scratch)
            case "bounds":
                return preparing.step_bounds(partition, scratch, team)
            case _:
                return self._evaluate(state, scratch.label(state, partition))

    def _evaluate(self, state: State, rows: LogisticRows) -> Step:
        problem = Problem.of(self.settings, state)
        sums = rows.evaluate(
            state["theta"],
            problem.bounds(state),
            threshold=int(state["threshold"]),
            curvature=True,
            hessian=problem.scaling if int(state["hessian_wanted"]) else None,
            coupled=problem.n_outputs > 1,
        )
        return Step(_summed(sums))

    def update(self, states: Sequence[State], totals: Totals) -> State:
        state = states[-1]
        match state.phase:
            case "classes":
                return preparing.update_classes(state, totals)
            case "profile":
                prepared = preparing.update_profile(self.settings, state, totals)
                if "total_weight" not in prepared.arrays:
                    return prepared
                return newton.begin(Problem.of(self.settings, prepared), prepared)
            case "bounds":
                return preparing.update_bounds(state, totals, self.feature_names)
        if int(totals["exceeded"][0]) or int(totals["nonfinite"][0]):
            return preparing.again(state)
        return newton.advance(Problem.of(self.settings, state), state, totals)


def _summed(sums: Mapping[str, Array]) -> dict[str, Part]:
    return {name: Part(Reducer.SUM, np.asarray(array)) for name, array in sums.items()}
