"""The round that counts rows and draws by weight alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from tests.algorithms.kmeans.phases import column, workers

from burly.algorithms.kmeans import KMeans
from burly.exceptions import DataError


def drawn(X, weights, *, k=1, init="random", seed=0, **layout):
    with workers(KMeans(k, init=init, seed=seed), X, weights, **layout) as run:
        return run.round(run.first())


@pytest.mark.parametrize(
    ("init", "phase", "name", "n"),
    [
        ("random", "lloyd", "centers", 3),
        ("k-means++", "k-means++", "recent", 1),
        ("k-means||", "k-means|| reach", "candidates", 1),
    ],
)
def test_each_seeding_goes_on_from_as_many_rows_as_it_wants(init, phase, name, n):
    X = np.arange(400.0).reshape(200, 2)
    state = drawn(X, None, k=3, init=init)
    assert state.phase == phase
    assert state[name].shape == (n, 2)
    assert {tuple(row) for row in state[name]} <= {tuple(row) for row in X}


def test_as_many_clusters_as_rows_draw_every_row_once():
    X = np.random.default_rng(0).permutation(130)[:, np.newaxis].astype(float)
    state = drawn(X, None, k=130)
    np.testing.assert_array_equal(np.sort(state["centers"], axis=0), column(*range(130)))


@settings(max_examples=40, deadline=None)
@given(
    borders=st.lists(st.integers(0, 8), max_size=4),
    n_threads=st.integers(1, 3),
    seed=st.integers(0, 2**64 - 1),
    weighted=st.booleans(),
)
def test_no_layout_changes_a_draw(borders, n_threads, seed, weighted):
    X = np.arange(380.0)[:, np.newaxis]
    weights = np.arange(380.0) % 3 if weighted else None
    one = drawn(X, weights, k=20, seed=seed)
    other = drawn(X, weights, k=20, seed=seed, borders=borders, n_threads=n_threads)
    assert one["centers"].tobytes() == other["centers"].tobytes()
    assert len(np.unique(one["centers"])) == 20
    assert weights is None or (one["centers"] % 3 > 0).all()


def test_rows_are_drawn_without_replacement_in_proportion_to_their_weights():
    weights = np.array([1.0, 2.0, 3.0, 0.0, 6.0])
    counts = np.zeros((5, 5))
    for seed in range(3000):
        first, second = drawn(column(0, 1, 2, 3, 4), weights, k=2, seed=seed, shard_rows=2)[
            "centers"
        ]
        counts[int(first[0]), int(second[0])] += 1
    share = weights / 12
    expected = 3000 * share[:, np.newaxis] * share / (1 - share[:, np.newaxis])
    np.fill_diagonal(expected, 0.0)
    assert counts[expected == 0].sum() == 0
    assert chisquare(counts[expected > 0], expected[expected > 0]).pvalue > 1e-3


@pytest.mark.parametrize(
    ("weights", "k", "message"),
    [
        ([1, -1, 2, np.nan], 2, "2 of 4 weights are negative, NaN or infinite"),
        ([1, np.inf, 2, 1], 2, "1 of 4 weights"),
        ([0, 0, 0, 0], 2, "all 4 weights are zero"),
        ([1, 0, 0, 1], 3, "only 2 rows have a positive weight"),
    ],
)
def test_weights_that_cannot_work_are_refused(weights, k, message):
    with pytest.raises(DataError, match=message):
        drawn(column(0, 1, 2, 3), np.array(weights, dtype=float), k=k, shard_rows=2, borders=[1])


def test_fewer_rows_than_clusters_are_refused_where_only_the_workers_know_how_many():
    algorithm = KMeans(5)
    with (
        workers(algorithm, column(0, 1, 2, 3)) as run,
        pytest.raises(DataError, match="n_samples=4"),
    ):
        algorithm.update([run.algorithm.start(run.partitions[0].info)], {})
    with workers(KMeans(4), column(0, 1, 2, 3), borders=[0]) as run:
        totals = run.totals(run.first())
        with pytest.raises(DataError, match="n_samples=4 should be >= n_clusters=5"):
            algorithm.update([run.first()], totals)


def test_weights_bound_what_is_summed_later():
    state = drawn(column(0, 1, 2, 3), np.array([0.25, 0.0, 8.0, 1.0]), shard_rows=1, borders=[2])
    assert float(state["heaviest"]) == 8.0


def test_sums_are_as_fine_as_the_rows_that_were_counted_allow():
    X = column(0, 1, 2, 3)
    with workers(KMeans(2, init="random"), X, shard_rows=2, borders=[1]) as run:
        info = replace(run.partitions[0].info, n_rows=None, max_rows=1 << 40)
        state = run.round(run.algorithm.start(info))
    assert int(state["limits"][0]) == 4
