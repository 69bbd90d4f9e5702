"""All algorithms keep the contract, and so does the one that CONTRIBUTING.md tells how to write."""

import re
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from burly.algorithms.kmeans import KMeans
from burly.algorithms.logistic.algorithm import LogisticRegression
from burly.algorithms.logistic.settings import Settings
from burly.contributions import Part, Reducer, Step
from burly.data.arrays import from_arrays
from burly.testing import AlgorithmContract, AlgorithmRun, Layout

N_ROWS = 5 * 8192 + 100
GUIDE = Path(__file__).parents[2] / "CONTRIBUTING.md"


@cache
def table(dtype):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(N_ROWS, 4)) + 5 * rng.integers(0, 3, size=(N_ROWS, 1))
    return X.astype(dtype), rng.uniform(0.5, 2.0, size=N_ROWS)


@cache
def tutorial():
    """Return the module whose text is in the guide."""
    section = GUIDE.read_text().partition("## Add an algorithm")[2].partition("\n## ")[0]
    module = sys.modules["column_means"] = ModuleType("column_means")
    exec(re.search(r"```python\n(.*?)```", section, re.DOTALL)[1], vars(module))  # noqa: S102
    return module


class TestKMeans(AlgorithmContract):
    def make_case(self):
        return KMeans(5, max_iter=6, seed=1), from_arrays(table("f4")[0])


class TestKMeansOfWeightedRows(AlgorithmContract):
    def make_case(self):
        X, weights = table("f8")
        algorithm = KMeans(4, init="k-means||", n_init=2, max_iter=4, seed=1)
        return algorithm, from_arrays(X, sample_weight=weights)


class TestLogisticRegression(AlgorithmContract):
    def make_case(self):
        X, _ = table("f8")
        return LogisticRegression(Settings()), from_arrays(X, (X[:, 0] > X[:, 1]).astype(np.int64))


class TestLogisticRegressionByLbfgs(AlgorithmContract):
    def make_case(self):
        X, weights = table("f4")
        y = np.array(["low", "mid", "high"])[np.argmax(X[:, :3], axis=1)]
        return LogisticRegression(Settings(solver="lbfgs", max_iter=8)), from_arrays(X, y, weights)


class TestTheTutorial(AlgorithmContract):
    def make_case(self):
        return tutorial().ColumnMeans(), from_arrays(table("f4")[0])

    def test_its_means_are_those_of_the_columns(self):
        algorithm, data = self.make_case()
        X, _ = table("f4")
        means = AlgorithmRun(algorithm, data, Layout()).states[-1]["means"]
        np.testing.assert_allclose(means, X.astype(np.float64).mean(axis=0), rtol=1e-13)


class CountsWorkers(KMeans):
    """An algorithm that lets the layout into its states."""

    def step(self, state, partition, team, scratch):
        step = super().step(state, partition, team, scratch)
        one = Part(Reducer.SUM, np.array([1]))
        return Step({**step.contribution, "workers": one}, step.figures)

    def update(self, states, totals):
        state = super().update(states, totals)
        return replace(state, arrays={**state.arrays, "workers": totals["workers"]})


class CountsRounds(KMeans):
    """An algorithm whose scratch cannot be made again."""

    def step(self, state, partition, team, scratch):
        scratch.rounds = getattr(scratch, "rounds", 0) + 1
        step = super().step(state, partition, team, scratch)
        rounds = Part(Reducer.MAX, np.array([float(scratch.rounds)]))
        return Step({**step.contribution, "rounds": rounds}, step.figures)

    def update(self, states, totals):
        state = super().update(states, totals)
        return replace(state, arrays={**state.arrays, "rounds": totals["rounds"]})


@pytest.mark.parametrize(
    ("broken", "layout", "name"),
    [(CountsWorkers, "two workers", "workers"), (CountsRounds, "scratch is lost", "rounds")],
)
def test_the_contract_finds_what_differs_between_layouts(broken, layout, name):
    class Case(AlgorithmContract):
        def make_case(self):
            return broken(3, max_iter=2), from_arrays(table("f4")[0])

    case = Case()
    alone = AlgorithmRun(*case.make_case(), Layout())
    with pytest.raises(AssertionError, match=f"{name} of state"):
        case.test_no_layout_changes_a_bit_of_any_state(layout, alone)
