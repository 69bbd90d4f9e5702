"""Logistic regression as step and update: phases shared by the solvers, then one solver's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.base import Algorithm
from burly.algorithms.logistic import (
    coarse,
    gradient_descent,
    lbfgs,
    measuring,
    needs,
    newton,
    preparing,
)
from burly.algorithms.logistic.auto import check, choose
from burly.algorithms.logistic.preparing import Scratch
from burly.algorithms.logistic.problem import Problem
from burly.algorithms.logistic.settings import Settings
from burly.contributions import Part, Reducer, Step, Totals
from burly.data.partition import DatasetInfo, Partition
from burly.kernels import ThreadTeam
from burly.kernels.logistic import LogisticRows
from burly.states import State

Array = NDArray[Any]


class Solver(Protocol):
    """What a module offers that minimises the objective."""

    def begin(self, problem: Problem, state: State) -> State:
        """Return the solver's first state, which holds its name as ``solver``."""

    def evaluate(self, problem: Problem, state: State, rows: LogisticRows) -> dict[str, Array]:
        """Return sums over the rows of a worker."""

    def advance(self, problem: Problem, state: State, totals: Mapping[str, Array]) -> State:
        """Take the totals of a round and return the next state, or the last."""


SOLVERS: Mapping[str, Solver] = {"newton": newton, "lbfgs": lbfgs, "gd": gradient_descent}


@dataclass(frozen=True, eq=False)
class LogisticRegression(Algorithm):
    """Fit logistic regression; see `Settings` for the objective.

    The phases: "classes" and "profile" (see `preparing`), "bounds" where a guess did not hold (see
    `measuring`), and those of the solver.
    """

    settings: Settings
    feature_names: tuple[str, ...] = ()
    label: str = "y"
    """What messages call the labels."""
    n_classes: int | None = None
    """How many there are, where the client knows."""

    def start(self, info: DatasetInfo) -> State:
        check(self.settings, sparse=info.sparse)
        return preparing.start(self.settings, info)

    def contribution_bytes(self, info: DatasetInfo) -> int:
        return needs.contribution_bytes(self.settings, info, self.n_classes)

    def scratch_bytes(self, info: DatasetInfo) -> int:
        return needs.scratch_bytes(info)

    def value_bytes(self, info: DatasetInfo) -> int:
        return needs.value_bytes(info)

    def model_bytes(self, info: DatasetInfo) -> int:
        return needs.model_bytes(self.settings, info, self.n_classes)

    def scratch(self, partition: Partition, team: ThreadTeam) -> Scratch:
        return Scratch(LogisticRows(partition, team))

    def step(self, state: State, partition: Partition, team: ThreadTeam, scratch: Scratch) -> Step:
        match state.phase:
            case "classes":
                return preparing.step_classes(state, partition, scratch, self.label)
            case "profile":
                return preparing.step_profile(state, partition, scratch)
            case "bounds":
                return measuring.step_bounds(scratch.rows)
            case "coarse":
                codes = scratch.encoded(state["classes"], partition)
                problem = Problem.of(self.settings, state)
                return _summed(coarse.evaluate(problem, state, partition, codes, team))
            case _:
                problem = Problem.of(self.settings, state)
                rows = scratch.label(state, partition)
                sums = SOLVERS[state["solver"].item()].evaluate(problem, state, rows)
                return _summed(sums)

    def update(self, states: Sequence[State], totals: Totals) -> State:
        state = states[-1]
        match state.phase:
            case "classes":
                return preparing.update_classes(self.settings, state, totals, self.label)
            case "profile":
                prepared = preparing.update_profile(self.settings, state, totals)
                if "total_weight" not in prepared.arrays:
                    return prepared
                problem = Problem.of(self.settings, prepared)
                return SOLVERS[_chosen(problem, prepared)].begin(problem, prepared)
            case "bounds":
                return measuring.update_bounds(state, totals, self.feature_names)
        record = totals["sums"]
        sums = {name: record[name] for name in record.dtype.names or ()}
        if any(np.count_nonzero(sums[name]) for name in _MISSES if name in sums):
            return measuring.again(state)
        solver = SOLVERS[state["solver"].item()]
        return solver.advance(Problem.of(self.settings, state), state, sums)


_MISSES = ("exceeded", "nonfinite")
"""Counts of what bounds did not cover."""


def _chosen(problem: Problem, state: State) -> str:
    n_coefficients = problem.n_outputs * (problem.n_features + 1)
    n_rows = float(state["n_rows"])
    return choose(problem.settings.solver, n_coefficients, n_rows, sparse=problem.sparse)


def _summed(sums: Mapping[str, Array]) -> Step:
    """Contribute the sums of an evaluation as one record: small arrays cost a round more than bytes."""
    record = np.empty((), _record(tuple((name, array.shape) for name, array in sums.items())))
    for name, array in sums.items():
        record[name] = array
    return Step({"sums": Part(Reducer.SUM, record)})


@lru_cache(maxsize=64)
def _record(fields: tuple[tuple[str, tuple[int, ...]], ...]) -> np.dtype[np.void]:
    return np.dtype([(name, np.int64, shape) for name, shape in fields])
