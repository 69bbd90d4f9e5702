"""Iterations: means, bounds, convergence, inertia."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.algorithms.kmeans.phases import column, from_starts, measured, nearest_squares, workers

from burly.algorithms.kmeans import lloyd
from burly.algorithms.kmeans.starts import first_iteration
from burly.exceptions import DataError, NonFiniteError


def test_centres_move_to_the_means_of_their_rows():
    with workers(from_starts(column(0, 10)), column(0, 2, 10, 12, 14), shard_rows=2) as run:
        state = measured(run)
    np.testing.assert_array_equal(state["centers"], column(1, 12))
    assert (state.phase, int(state["n_iter"])) == ("lloyd", 1)
    assert state.figures["shift"] == 1 + 4


def test_weights_weigh():
    weights = np.array([3.0, 1, 0.5, 0.0, 1.5])
    X = column(0, 2, 10, 12, 14)
    with workers(from_starts(column(0, 10)), X, weights, shard_rows=2, borders=[1]) as run:
        state = measured(run, run.until("lloyd"))
    np.testing.assert_array_equal(state["centers"], column(0.5, 13))


@pytest.mark.parametrize(("tol", "phase"), [(2.01 / 26, "final"), (1.99 / 26, "lloyd")])
def test_a_start_has_converged_when_the_movement_is_within_tol_times_the_variance(tol, phase):
    # Movements 1 and 1; the variance of 0, 2, 10, 12 is 26.
    with workers(from_starts(column(0, 10), tol=tol), column(0, 2, 10, 12)) as run:
        state = measured(run)
        assert state.phase == phase
        np.testing.assert_array_equal(state["squares"][1], 26)
        last = list(run.rounds(state))[-1]
    assert int(last["n_iter"]) == (1 if phase == "final" else 2)
    assert float(last["inertia"]) == 4


def test_the_variance_is_the_mean_of_the_features_variances_under_weights():
    X = np.array([[0, 0], [2, 8], [4, 4]], dtype=float) + 100
    weights = np.array([1.0, 2.0, 1.0])
    with workers(from_starts(X[:1]), X, weights) as run:
        state = measured(run, run.until("lloyd"))
    expected = [np.average((c - np.average(c, weights=weights)) ** 2, weights=weights) for c in X.T]
    np.testing.assert_allclose(state["squares"][1], np.mean(expected), rtol=1e-14)


def test_centres_that_stay_where_they_are_end_a_start_at_once():
    with workers(from_starts(column(1, 11), tol=0), column(0, 2, 10, 12)) as run:
        state = measured(run)
    assert state.done
    assert (int(state["n_iter"]), float(state["inertia"])) == (1, 4)
    np.testing.assert_array_equal(state["counts"], [2, 2])


@pytest.mark.parametrize("max_iter", [1, 2, 3])
def test_after_max_iter_labels_are_those_of_the_last_centres(max_iter):
    X = np.sort(np.random.default_rng(0).normal(size=(300, 1)) ** 3, axis=0)
    with workers(from_starts(X[:5], max_iter=max_iter, tol=0), X, borders=[2]) as run:
        *_, before, state = run.rounds(run.first())
        outputs = [
            run.algorithm.outputs(state, part, run.team, scratch)["labels"]
            for part, scratch in zip(run.partitions, run.scratches, strict=True)
        ]
    assert int(state["n_iter"]) == max_iter
    assert before.phase == "final"
    labels = ((X[:, np.newaxis] - state["centers"]) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(np.concatenate(outputs), labels)
    np.testing.assert_array_equal(state["counts"], np.bincount(labels, minlength=5))
    expected = nearest_squares(X, state["centers"]).sum()
    np.testing.assert_allclose(float(state["inertia"]), expected, rtol=1e-12)


def test_a_value_beyond_the_guessed_bounds_repeats_the_round_once_with_the_measured_ones():
    X = np.array([[0.0, 1], [1, 1], [5000, -3], [1, 0]])
    with workers(from_starts(X[:2]), X, shard_rows=2, borders=[1]) as run:
        first = run.first()
        assert first["bounds"].tolist() == [[8, 8], [81, 81]]
        again = run.round(first)
        assert (again.phase, int(again["n_iter"])) == ("lloyd", 0)
        np.testing.assert_array_equal(again["bounds"], [[5000, 3], [5001**2, 4**2]])
        np.testing.assert_array_equal(again["centers"], first["centers"])
        state = run.round(again)
    nearest = ((X[:, np.newaxis] - X[:2]) ** 2).sum(axis=2).argmin(axis=1)
    expected = np.stack([X[nearest == j].mean(axis=0) for j in range(2)])
    np.testing.assert_array_equal(state["centers"], expected)


def test_a_square_beyond_its_guessed_bound_repeats_the_round_too():
    X, weights = column(0, 1, 5000), np.array([1, 1, 1e-3])
    with workers(from_starts(X[:2]), X, weights, shard_rows=2, borders=[1]) as run:
        first = run.until("lloyd")
        assert first["bounds"].tolist() == [[8], [81]]
        again = run.round(first)
        np.testing.assert_array_equal(again["bounds"], [[5], [4999**2 * 1e-3]])
        assert run.round(again)["n_iter"] == 1


def test_an_inertia_that_would_cancel_is_summed_row_by_row():
    X = column(*(1e8 + np.array([0.0, 2.0**-20])), *(-1e8 + np.array([0.0, 2.0**-20])))
    with workers(from_starts(column(1e8, -1e8), tol=0), X, shard_rows=2, borders=[1]) as run:
        states = list(run.rounds(run.first()))
    assert "inertia" in [state.phase for state in states]
    expected = nearest_squares(X, states[-1]["centers"]).sum()
    np.testing.assert_allclose(float(states[-1]["inertia"]), expected, rtol=1e-12)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused_with_their_column(value):
    X = np.ones((120, 3), dtype=np.float32)
    X[70, 2] = value
    with workers(from_starts(X[:2], feature_names=("a", "b", "c")), X, borders=[1]) as run:
        totals = run.totals(run.first())
        with pytest.raises(NonFiniteError, match="c"):
            run.algorithm.update([run.first()], totals)


def test_squares_that_overflow_are_refused():
    X = np.array([[3e20], [1], [2]], dtype=np.float32)
    with workers(from_starts(X[:2]), X) as run, pytest.raises(DataError, match="overflow float32"):
        measured(run)


def test_of_several_starts_the_one_with_the_least_inertia_wins():
    X = column(0, 1, 10, 11, 30, 31)
    bad, good, worse = column(0, 1, 20), column(0, 10, 30), column(0, 30, 31)
    with workers(from_starts(np.stack([bad, good, worse]), tol=0), X, borders=[0]) as run:
        state = list(run.rounds(run.first()))[-1]
    np.testing.assert_array_equal(state["centers"], column(0.5, 10.5, 30.5))
    assert float(state["inertia"]) == 1.5


@settings(max_examples=25, deadline=None)
@given(
    borders=st.lists(st.integers(0, 12), max_size=4),
    n_threads=st.integers(1, 3),
    weighted=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    offset=st.sampled_from([0.0, 1e4]),
    far=st.integers(0, 3),
)
def test_no_layout_changes_a_total_or_a_state(borders, n_threads, weighted, dtype, offset, far):
    rng = np.random.default_rng(5)
    X = (rng.normal(size=(600, 3)) + rng.integers(0, 4, (600, 1)) * 4 + offset).astype(dtype)
    weights = rng.random(600) if weighted else None
    starts = X[:8].copy()
    starts[:far] += 1000  # these begin empty
    options = {"shard_rows": 50}
    with (
        workers(from_starts(starts), X, weights, **options) as one,
        workers(
            from_starts(starts), X, weights, **options, borders=borders, n_threads=n_threads
        ) as other,
    ):
        for a, b in zip(one.rounds(one.first()), other.rounds(other.first()), strict=True):
            assert a.phase == b.phase
            for name in a.arrays:
                assert a[name].tobytes() == b[name].tobytes(), name


def test_the_grids_hold_what_the_state_says():
    state = first_iteration(
        {"limits": np.array([4, 2, 0]), "heaviest": np.array(1.0)}, column(-3, 2)
    )
    assert lloyd.Grids.of(state).terms.holds(np.array([24.0]))
    assert not lloyd.Grids.of(state).terms.holds(np.array([33.0]))
    np.testing.assert_array_equal(state["shift"], [2])


def test_a_cluster_too_light_to_keep_its_digits_is_refused():
    X, weights = column(0, 1, 50, 51), np.array([1.0, 1.0, 1e-25, 3e-25])
    with workers(from_starts(column(0, 50)), X, weights, shard_rows=2, borders=[1]) as run:
        first = run.until("lloyd")
        with pytest.raises(DataError, match=r"1 clusters weigh less than .* give rows .* weight 0"):
            measured(run, first)


def test_light_clusters_that_keep_their_digits_have_their_mean():
    X, weights = column(0, 1, 50, 51), np.array([1.0, 1.0, 1e-15, 3e-15])
    with workers(from_starts(column(0, 50)), X, weights, shard_rows=2, borders=[1]) as run:
        state = measured(run, run.until("lloyd"))
    np.testing.assert_allclose(state["centers"], column(0.5, 50.75), rtol=1e-7)
