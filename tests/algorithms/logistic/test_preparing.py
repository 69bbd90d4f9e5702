"""What is found before a solver starts: labels, weights, and how finely sums resolve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import random_array
from tests.algorithms.logistic.loop import Layout, fit, info_of, shards_of

from burly.algorithms.logistic.algorithm import LogisticRegression
from burly.algorithms.logistic.preparing import Scratch
from burly.algorithms.logistic.problem import Problem
from burly.algorithms.logistic.settings import Settings
from burly.data.partition import Partition
from burly.exceptions import DataError
from burly.kernels import ThreadTeam
from burly.kernels.logistic import LogisticRows
from burly.states import State

N = 3000


def rows(seed=0, n=N):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 4))
    return X, (X[:, 0] + rng.logistic(size=n) > 0).astype(int)


@pytest.mark.parametrize(
    ("class_weight", "weighted"), [([1.0, 1.0], False), ([1.0, 2.0], True), ([2.0, 2.0], True)]
)
def test_only_weights_that_are_not_all_one_reach_the_kernels(class_weight, weighted):
    X, y = rows()
    shards = shards_of(X, y)
    state = State("", {"classes": np.array([0, 1]), "class_weight": np.array(class_weight)})
    partition = Partition(info_of(X, shards), shards)
    with ThreadTeam(1) as team:
        labelled = Scratch(LogisticRows(partition, team)).label(state, partition)
        assert labelled.weighted == weighted


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_weights_of_one_change_nothing_but_rounding(solver):
    X, y = rows()
    settings = Settings(solver=solver, tol=1e-10)
    plain, weighted = shards_of(X, y), shards_of(X, y, np.ones(N))
    found = fit(info_of(X, plain), plain, settings, Layout())
    expected = fit(info_of(X, plain, weighted=True), weighted, settings, Layout())
    np.testing.assert_allclose(found["theta"], expected["theta"], rtol=1e-9)


def test_data_without_rows_is_refused():
    X = np.empty((0, 3))
    shards = shards_of(np.zeros((1500, 3)), np.zeros(1500, int))[2:3]
    with pytest.raises(DataError, match="no rows"):
        fit(info_of(X, shards), shards, Settings(), Layout())


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_how_many_rows_a_sparse_file_might_have_held_changes_no_bit(l1_ratio):
    rng = np.random.default_rng(1)
    X = random_array((N, 60), density=0.1, rng=rng, format="csr") * 1e4
    y = (rng.random(N) < 0.5).astype(int)
    shards, settings = shards_of(X, y), Settings(C=1e-6, l1_ratio=l1_ratio, tol=1e-6)
    counted = info_of(X, shards)
    # A packed file of 1 GB: each of its bytes might unpack to 516 rows.
    packed = replace(counted, n_rows=None, max_rows=516 << 30)
    layout = Layout()
    found = fit(packed, shards, settings, layout)
    assert found["theta"].tobytes() == fit(counted, shards, settings, Layout())["theta"].tobytes()
    state = next(state for state in layout.states if "scale" in state.arrays)
    problem = Problem.of(settings, state)
    # Margins may be 3e5 here.
    assert problem.loss_noise(state, np.full((1, 61), 0.5), 0.7) < 1e-8


def test_a_profile_sample_without_weight_is_widened():
    X, y = rows(n=40_000)
    X = X * 50 + 7
    weights = np.zeros(len(X))
    weights[-400:] = 1.0
    shards = shards_of(X, y, weights)
    layout = Layout()
    fit(info_of(X, shards, weighted=True), shards, Settings(), layout)
    state = next(state for state in layout.states if "scale" in state.arrays)
    some = X[-400:]
    np.testing.assert_allclose(state["shift"], some.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(state["scale"], 1 / some.std(axis=0), rtol=1e-6)


def test_what_a_solver_cannot_serve_is_refused_before_the_first_round():
    X, y = rows()
    shards = shards_of(X, y)
    info = info_of(X, shards)
    with pytest.raises(ValueError, match="no l1 penalty"):
        LogisticRegression(Settings(solver="gd", l1_ratio=0.5)).start(info)
    with pytest.raises(ValueError, match="these are sparse"):
        LogisticRegression(Settings(solver="newton")).start(replace(info, sparse=True))
