"""What the states of L-BFGS publish."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import random_array
from tests.algorithms.logistic.loop import Layout, fit, info_of, shards_of

from burly.algorithms.logistic.settings import Settings

D = 500


def published(settings):
    rng = np.random.default_rng(2)
    X = random_array((4000, D), density=0.02, rng=rng, dtype="f4", format="csr")
    y = (X[:, :3].sum(axis=1) * 20 + rng.logistic(size=X.shape[0]) > 3).astype(int)
    shards = shards_of(X, y)
    layout = Layout()
    fit(info_of(X, shards), shards, settings, layout)
    return layout.states


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_a_round_publishes_one_point_and_one_gradient(l1_ratio):
    states = published(Settings(C=10.0, l1_ratio=l1_ratio, tol=1e-8))
    begun = [state.phase for state in states].index("descent")
    n_rounds = 0
    for before, after in pairwise(states[begun:-1]):
        fresh = {
            name
            for name, array in after.arrays.items()
            if array.size >= D and array is not before.arrays.get(name)
        }
        assert {name.partition("_")[0] for name in fresh} <= {"point", "gradient"}
        assert len(fresh) <= 2
        n_rounds += 1
    assert n_rounds > 5


def test_every_evaluation_says_the_loss_and_the_gradient():
    states = published(Settings(C=10.0, tol=1e-6))
    told = [state.figures for state in states if state.figures]
    assert len(told) > 5
    assert told[-1]["gradient"] <= 1e-6 < told[0]["gradient"]
    assert told[-1]["loss"] < told[0]["loss"]
