"""Greedy k-means++, a seed a round."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from tests.algorithms.kmeans.phases import column, nearest_squares, workers

from burly.algorithms.kmeans import KMeans, plus_plus
from burly.exceptions import DataError, NonFiniteError


def seeds_of(state):
    return np.concatenate([state["settled"], state["recent"]])


def begun(run, first):
    """The state that goes on from a first seed of one's own."""
    arrays = dict(run.round(run.first()).arrays)
    return plus_plus.begin(run.algorithm, arrays, first)


def seeded(X, k, weights=None, seed=0, **layout):
    with workers(KMeans(k, seed=seed), X, weights, **layout) as run:
        return run.until("lloyd")["centers"]


def test_the_candidate_that_leaves_least_becomes_the_next_seed():
    # Left of 0, 1, 9, 10 by the seed 0 and 1: 0+0+64+81; 9: 0+1+0+1; 10: 0+1+1+0.
    X = column(0, 1, 9, 10)
    with workers(KMeans(4), X, shard_rows=2, borders=[1]) as run:
        state = run.round(begun(run, column(0)))
        state = type(state)(state.phase, {**state.arrays, "trials": column(1, 9, 10)})
        totals = run.totals(state)
        left = plus_plus.potential_grid(state).decode(totals["left"])
        np.testing.assert_array_equal(left, [145, 2, 2])
        # Of equals the first.
        np.testing.assert_array_equal(seeds_of(run.algorithm.update([state], totals)), column(0, 9))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_seed_is_the_best_of_its_candidates_by_an_oracle(dtype, weighted):
    rng = np.random.default_rng(3)
    X = rng.integers(0, 500, (900, 3)).astype(dtype)
    weights = rng.integers(0, 4, 900).astype(float) if weighted else None
    k = plus_plus.RECENT + 10
    w = np.ones(900) if weights is None else weights
    with workers(KMeans(k, seed=5), X, weights, borders=[4, 9]) as run:
        state = run.until("k-means++")
        states = list(run.rounds(state))
        seedings = [s for s in states if s.phase == "k-means++"]
        after = [seeds_of(s) for s in seedings[2:]]
        after.append(next(s for s in states if s.phase == "lloyd")["centers"])
        assert len(seedings) == k
        for before, seeds in zip(seedings[1:], after, strict=True):
            old, trials = seeds_of(before), before["trials"]
            assert trials.shape == (2 + int(np.log(k)), 3)
            left = [w @ nearest_squares(X, np.vstack([old, trial])) for trial in trials]
            np.testing.assert_array_equal(seeds, np.vstack([old, trials[np.argmin(left)]]))
            # Exact integers: a candidate is no old seed, and of no weight zero.
            assert (nearest_squares(trials, old) > 0).all()


def test_candidates_are_drawn_in_proportion_to_weight_and_squared_distance():
    X, weights = column(0, 1, 3, 4, 8), np.array([1.0, 5.0, 2.0, 0.0, 0.5])
    counts = np.zeros(5)
    n = 2000
    for seed in range(n):
        with workers(KMeans(2, seed=seed), X, weights, shard_rows=2, borders=[1]) as run:
            trials = run.round(begun(run, column(0)))["trials"]
        counts += np.bincount(np.searchsorted(X[:, 0], trials[:, 0]), minlength=5)
    expected = weights * X[:, 0] ** 2
    expected *= counts.sum() / expected.sum()
    assert counts.sum() == 2 * n
    assert counts[expected == 0].sum() == 0
    assert chisquare(counts[expected > 0], expected[expected > 0]).pvalue > 1e-3


def test_successors_are_drawn_by_what_the_chosen_candidate_would_leave():
    X = column(0, 1, 3, 4, 8, 20)
    counts = np.zeros(6)
    for seed in range(1500):
        with workers(KMeans(4, seed=seed), X, shard_rows=4, borders=[1]) as run:
            state = run.round(begun(run, column(0)))
            state = type(state)(state.phase, {**state.arrays, "trials": column(1, 20, 3)})
            state = run.round(state)
        np.testing.assert_array_equal(seeds_of(state), column(0, 20))
        counts += np.bincount(np.searchsorted(X[:, 0], state["trials"][:, 0]), minlength=6)
    expected = nearest_squares(X, column(0, 20))
    expected *= counts.sum() / expected.sum()
    assert counts[expected == 0].sum() == 0
    assert chisquare(counts[expected > 0], expected[expected > 0]).pvalue > 1e-3


@settings(max_examples=25, deadline=None)
@given(
    borders=st.lists(st.integers(0, 12), max_size=4),
    n_threads=st.integers(1, 3),
    seed=st.integers(0, 2**64 - 1),
    weighted=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    k=st.integers(1, 40),
)
def test_no_layout_changes_a_seed_and_there_are_exactly_k(
    borders, n_threads, seed, weighted, dtype, k
):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(600, 3)) + rng.integers(0, 5, (600, 1)) * 6).astype(dtype)
    weights = rng.integers(0, 3, 600) * 0.3 if weighted else None
    one = seeded(X, k, weights, seed)
    other = seeded(X, k, weights, seed, borders=borders, n_threads=n_threads)
    assert one.shape == (k, 3)
    assert one.tobytes() == other.tobytes()
    rows = {row.tobytes() for row in (X if weights is None else X[weights > 0])}
    chosen = {row.tobytes() for row in one}
    assert chosen <= rows
    assert len(chosen) == k


def test_a_worker_that_starts_late_contributes_the_same():
    X = np.random.default_rng(1).normal(size=(400, 2))
    algorithm = KMeans(9, seed=2)
    with workers(algorithm, X) as run:
        for state in run.rounds(run.first()):
            if state.phase != "k-means++":
                continue
            with workers(algorithm, X) as late:
                here, there = run.totals(state), late.totals(state)
            for name in here:
                assert here[name].tobytes() == there[name].tobytes(), name


@pytest.mark.parametrize("k", [5, 7])
def test_with_fewer_distinct_rows_than_clusters_all_of_them_are_seeds(k):
    X = np.repeat(column(7, -2, 4, 100), 40, axis=0)
    seeds = seeded(X, k)
    assert seeds.shape == (k, 1)
    assert set(seeds[:4, 0]) == {7, -2, 4, 100}


def test_values_that_are_no_numbers_are_refused_with_their_column():
    X = np.ones((200, 3))
    X[150, 1] = np.inf
    with workers(KMeans(2, feature_names=("a", "b", "c")), X, borders=[1]) as run:
        state = run.round(run.first())
        with pytest.raises(NonFiniteError, match="b"):
            run.round(state)


def test_squares_that_overflow_are_refused():
    X = np.array([[1e30], [-1e30], [0]], dtype=np.float32)
    with workers(KMeans(2), X) as run, pytest.raises(DataError, match="overflow"):
        run.until("lloyd")
