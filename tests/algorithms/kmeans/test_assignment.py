"""Labels, scores and distances of a finished model."""

import numpy as np
import pytest
from tests.algorithms.kmeans.phases import column, nearest_squares, workers

from burly.algorithms.kmeans import Assignment, Distances
from burly.exceptions import DataError, NonFiniteError


def outputs(algorithm, X, name, **layout):
    with workers(algorithm, X, **layout) as run:
        state = run.first()
        return np.concatenate(
            [
                algorithm.outputs(state, part, run.team, scratch)[name]
                for part, scratch in zip(run.partitions, run.scratches, strict=True)
            ]
        )


def test_of_equally_near_centres_the_lowest_number_wins():
    centers = column(4, 0, 2, 0)
    labels = outputs(Assignment(centers, centers[0]), column(-1, 0, 1, 2, 3, 9), "labels")
    np.testing.assert_array_equal(labels, [1, 1, 1, 2, 0, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_labels_score_and_distances_are_those_of_an_oracle(dtype, weighted):
    rng = np.random.default_rng(0)
    X, centers = (rng.normal(size=(n, 5)).astype(dtype) for n in (333, 14))
    weights = rng.integers(0, 4, 333) * 0.5 if weighted else None
    layout = {"borders": [2, 4], "n_threads": 2}
    squares = ((X[:, np.newaxis].astype(float) - centers) ** 2).sum(axis=2)
    labels = outputs(Assignment(centers, centers[3]), X, "labels", **layout)
    np.testing.assert_array_equal(labels, squares.argmin(axis=1))
    found = outputs(Distances(centers, centers[3]), X, "distances", **layout)
    np.testing.assert_allclose(found, np.sqrt(squares), rtol=1e-4 if dtype == np.float32 else 1e-12)
    with workers(Assignment(centers, centers[3], scoring=True), X, weights, **layout) as run:
        states = list(run.rounds(run.first()))
    expected = nearest_squares(X, centers) @ (np.ones(333) if weights is None else weights)
    np.testing.assert_allclose(float(states[-1]["inertia"]), expected, rtol=1e-12)
    # The bound, first taken for 1, is missed and measured.
    assert len(states) == 3


def test_without_a_score_there_is_no_round():
    with workers(Assignment(column(0), np.zeros(1)), column(0, 1)) as run:
        assert run.first().done


def test_values_that_are_no_numbers_are_refused():
    X = column(0, 1, np.nan)
    for algorithm in (Assignment(column(0), np.zeros(1)), Distances(column(0), np.zeros(1))):
        with pytest.raises(NonFiniteError):
            outputs(algorithm, X, "labels")


def test_weights_below_zero_are_refused_in_a_score():
    X = column(0, 1, 5)
    scoring = Assignment(column(0), np.zeros(1), scoring=True)
    with (
        workers(scoring, X, np.array([1.0, -1, 1])) as run,
        pytest.raises(DataError, match="1 of 3"),
    ):
        list(run.rounds(run.first()))


@pytest.mark.parametrize("scale", [1e-12, 1e-200])
def test_a_score_keeps_the_digits_of_small_terms(scale):
    X, weights = column(0, 1, 5), np.array([1.0, 3, 1]) * scale
    scoring = Assignment(column(0), np.zeros(1), scoring=True)
    with workers(scoring, X, weights, shard_rows=2, borders=[1]) as run:
        last = list(run.rounds(run.first()))[-1]
    np.testing.assert_allclose(float(last["inertia"]), 28 * scale, rtol=1e-14, atol=0)
