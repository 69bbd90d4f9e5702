"""k-means||: potential, draws of single rows, weights of candidates, k centres."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.algorithms.kmeans.phases import column, nearest_squares, workers

from burly.algorithms.kmeans import KMeans, scalable
from burly.algorithms.kmeans.plus_plus import potential_grid
from burly.states import State


def algorithm(k, seed=0, **more):
    return KMeans(k, init="k-means||", seed=seed, **more)


def begun(run, first):
    arrays = dict(run.round(run.first()).arrays)
    return scalable.begin(run.algorithm, arrays, first)


def blobs(dtype=np.float64, n=700):
    rng = np.random.default_rng(0)
    return (rng.normal(size=(n, 3)) + rng.integers(0, 6, (n, 1)) * 9).astype(dtype)


def test_the_first_two_rounds_bound_the_potential_and_sum_it():
    X, weights = column(0, 1, 3, 10), np.array([1.0, 2.0, 0.0, 0.5])
    with workers(algorithm(2), X, weights, shard_rows=2, borders=[1]) as run:
        state = run.round(begun(run, column(0)))
        # Of the two shards: 0 + 2 * 1, and 0 * 9 + 0.5 * 100.
        assert (state.phase, state["largest"][0]) == ("k-means|| reach", 50)
        state = run.round(state)
        assert (state.phase, state["potential"][0]) == ("k-means|| sample", 52)


def test_every_row_passes_a_draw_of_its_own():
    X, weights = column(*range(13), 20), np.array([1.0, 2, 1, 1, 1, 0, 1, 1, 0.5, 1, 1, 1, 1, 0.5])
    n, k = 1500, 4
    hits = np.zeros(14)
    for seed in range(n):
        with workers(algorithm(k, seed), X, weights, shard_rows=5, borders=[1]) as run:
            state = run.until("k-means|| sample", begun(run, column(0)))
            candidates = run.round(state)["candidates"]
        assert candidates[0, 0] == 0
        hits += np.isin(X[:, 0], candidates[1:, 0])
    share = weights * X[:, 0] ** 2
    chance = np.minimum(1, scalable.OVERSAMPLING * k * share / share.sum())
    error = np.sqrt(n * chance * (1 - chance))
    assert ((hits == n * chance) | (np.abs(hits - n * chance) < 3.3 * error)).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_a_candidate_weighs_what_the_rows_nearest_to_it_weigh(weighted):
    X = blobs()
    weights = np.random.default_rng(1).integers(0, 5, len(X)) * 0.25 if weighted else None
    with workers(algorithm(4), X, weights, borders=[3, 9]) as run:
        states = list(run.rounds(run.first()))
        state = next(s for s in states if s.phase == "k-means|| weigh")
        found = scalable._weight_grid(state).decode(run.totals(state)["weights"][..., np.newaxis])
    candidates = state["candidates"]
    assert [s.phase for s in states].count("k-means|| sample") == scalable.ROUNDS
    nearest = ((X[:, np.newaxis] - candidates) ** 2).sum(axis=2).argmin(axis=1)
    expected = np.bincount(nearest, weights=weights, minlength=len(candidates))
    np.testing.assert_array_equal(found[..., 0], expected)


def test_the_potential_is_that_of_all_candidates_in_every_round():
    X = blobs()
    with workers(algorithm(5), X, borders=[6]) as run:
        for state in run.rounds(run.first()):
            if state.phase == "k-means|| sample":
                expected = nearest_squares(X, state["candidates"]).sum()
                np.testing.assert_allclose(state["potential"], expected, rtol=1e-12)
            if state.phase == "k-means|| reach" and "largest" in state.arrays:
                assert potential_grid(state).limits[0] >= state["largest"][0]


@settings(max_examples=20, deadline=None)
@given(
    borders=st.lists(st.integers(0, 14), max_size=4),
    n_threads=st.integers(1, 3),
    seed=st.integers(0, 2**64 - 1),
    weighted=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    k=st.integers(1, 12),
)
def test_no_layout_changes_a_centre_and_there_are_exactly_k(
    borders, n_threads, seed, weighted, dtype, k
):
    X = blobs(dtype)
    weights = np.random.default_rng(2).integers(0, 3, len(X)) * 0.7 if weighted else None

    def seeded(**layout):
        with workers(algorithm(k, seed), X, weights, **layout) as run:
            return run.until("lloyd")["centers"]

    one, other = seeded(), seeded(borders=borders, n_threads=n_threads)
    assert one.shape == (k, 3)
    assert one.dtype == dtype
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("k", [3, 6, 20])
def test_of_fewer_distinct_rows_than_clusters_each_is_a_centre(k):
    X = np.repeat(column(5, -1, 30), 60, axis=0)
    with workers(algorithm(k), X, borders=[1]) as run:
        centers = run.until("lloyd")["centers"]
    assert centers.shape == (k, 1)
    assert set(centers[:, 0]) == {5, -1, 30}


def test_too_few_candidates_are_filled_up_with_other_rows():
    X = column(0, 0, 0, 0, 1, 2)
    with workers(algorithm(5), X, np.array([1, 1, 1, 1, 0, 0.0])) as run:
        state = run.until("k-means|| weigh")
        assert len(state["candidates"]) == 1
        centers = run.round(state)["centers"]
    # Rows of weight zero are nobody's reserve.
    np.testing.assert_array_equal(centers, column(0, 0, 0, 0, 0))


def test_one_cluster_needs_no_candidates():
    with workers(algorithm(1), blobs()) as run:
        assert run.round(run.first()).phase == "lloyd"


def test_a_worker_that_starts_late_contributes_the_same():
    X = blobs(np.float32)
    with workers(algorithm(6, 4), X) as run:
        for state in run.rounds(run.first()):
            if not state.phase.startswith("k-means||"):
                continue
            fresh = State(state.phase, state.arrays)
            with workers(algorithm(6, 4), X) as late:
                here, there = run.totals(state), late.totals(fresh)
            for name in here:
                assert here[name].tobytes() == there[name].tobytes(), (state.phase, name)
