"""Clusters that have lost all rows."""

import numpy as np
import pytest
from tests.algorithms.kmeans.phases import column, from_starts, measured, workers


def test_an_empty_cluster_moves_to_the_row_farthest_from_its_centre():
    with workers(
        from_starts(column(0, 100)), column(0, 1, 2, 10), shard_rows=2, borders=[1]
    ) as run:
        state = measured(run)
        assert (state.phase, int(state["n_iter"])) == ("relocate", 0)
        np.testing.assert_array_equal(state["centers"], column(0, 100))
        state = run.round(state)
    np.testing.assert_array_equal(state["centers"], column(1, 10))
    assert (state.phase, int(state["n_iter"])) == ("lloyd", 1)


def test_of_rows_that_are_equally_far_the_first_is_taken_and_leaves_with_its_weight():
    X, weights = column(3, 0, 5, -5, 5), np.array([1.0, 2, 4, 0.5, 1])
    with workers(from_starts(column(0, 100)), X, weights, shard_rows=2, borders=[1, 2]) as run:
        state = run.round(run.until("relocate"))
    # 3 + 0 - 2.5 + 5 over the weights that stay.
    np.testing.assert_array_equal(state["centers"], [[5.5 / 4.5], [5]])


def test_several_empty_clusters_take_the_farthest_rows_in_their_order():
    X = column(0, 1, -7, 9, 2)
    with workers(from_starts(column(0, 100, 200)), X, shard_rows=2, borders=[2]) as run:
        state = run.round(run.until("relocate"))
    np.testing.assert_array_equal(state["centers"], column(1, 9, -7))


def test_a_cluster_that_loses_its_only_row_lies_where_the_heaviest_does():
    with workers(from_starts(column(0, 9, 100)), column(0, 0.5, 0.25, 12)) as run:
        state = run.round(run.until("relocate"))
    np.testing.assert_array_equal(state["centers"], column(0.25, 0.25, 12))


@pytest.mark.parametrize("weighted", [False, True])
def test_with_fewer_distinct_rows_than_clusters_a_run_ends_with_an_inertia_of_zero(weighted):
    X = np.repeat(column(1, 5), 30, axis=0)
    weights = np.full(60, 0.1) if weighted else None
    with workers(from_starts(column(1, 5, 5, 1)), X, weights, borders=[1]) as run:
        state = list(run.rounds(run.first()))[-1]
    assert float(state["inertia"]) == 0
    assert set(state["centers"][:, 0]) == {1, 5}
    assert np.count_nonzero(state["counts"]) == 2


def test_rows_of_weight_zero_are_passed_over_as_if_they_were_absent():
    X, weights = column(0, 1, 2, 50), np.array([1.0, 1, 1, 0])
    with workers(from_starts(column(0, 100)), X, weights) as run:
        state = run.round(run.until("relocate"))
    np.testing.assert_array_equal(state["centers"], column(0.5, 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_beside_the_rounded_mean_of_their_like_are_not_moved_to(dtype, weighted):
    X = np.full((100, 4), 1e4 / 3, dtype=dtype)
    X[:, 3] = 1e-3 / 3
    weights = np.linspace(0.1, 3, 100) if weighted else None
    starts = X[:3] + np.array([[0], [1], [2]], dtype=dtype)
    with workers(from_starts(starts, tol=0), X, weights, borders=[1]) as run:
        last = list(run.rounds(run.first()))[-1]
    assert int(last["n_iter"]) <= 2
