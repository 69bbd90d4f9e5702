"""Sums of logistic regression agree with NumPy, and their bits with each other."""

from __future__ import annotations

import numpy as np
import pytest

from burly.data.partition import DatasetInfo, Partition, ShardRows
from burly.kernels import ThreadTeam, runnable
from burly.kernels.logistic import (
    Bounds,
    LogisticRows,
    Scaling,
    Units,
    block_limit,
)
from burly.kernels.logistic_predict import decision_function, log_probabilities, probabilities

N = 1500


class Case:
    def __init__(self, dtype, d, n_classes, seed=0, *, weighted=True):
        rng = np.random.default_rng(seed)
        self.X = rng.normal(size=(N, d)).astype(dtype)
        self.y = rng.integers(0, n_classes, N).astype(np.int32)
        self.w = rng.random(N) if weighted else np.ones(N)
        self.n_classes = n_classes
        self.info = DatasetInfo(
            n_features=d,
            dtype=np.dtype(dtype),
            n_shards=3,
            n_rows=N,
            max_rows=N,
            weighted=weighted,
        )
        outputs = 1 if n_classes == 2 else n_classes
        self.coef = rng.normal(size=(outputs, d + 1)).astype(np.float32).astype(np.float64)
        self.bounds = Bounds(np.full(d, 8.0), 1.0, 60.0, N, block_limit(self.info.n_shards, N))
        self.scaling = Scaling(rng.normal(size=d), rng.random(d) + 0.5)

    def sums(self, kernels, n_threads=1, shards=(0, 1, 2), **wanted):
        rows = [
            ShardRows(i, self.X[i * 500 :][:500], None, self.w[i * 500 :][:500]) for i in shards
        ]
        with ThreadTeam(n_threads, kernels=kernels) as team:
            logistic = LogisticRows(Partition(self.info, rows), team)
            logistic.label([self.y[i * 500 :][:500] for i in shards], self.n_classes)
            return logistic.evaluate(
                self.coef,
                self.bounds,
                curvature=True,
                hessian=self.scaling,
                coupled=True,
                **wanted,
            )


CASES = [(t, d, k) for t in (np.float32, np.float64) for d in (1, 19, 32) for k in (2, 4)]


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize(("dtype", "d", "n_classes"), CASES)
def test_widths_threads_and_partitions_give_the_same_bits(dtype, d, n_classes, weighted):
    case = Case(dtype, d, n_classes, weighted=weighted)
    whole = case.sums(runnable()[-1])
    for kernels in runnable():
        other = case.sums(kernels, 2)
        split = [case.sums(kernels, 1, (0,)), case.sums(kernels, 2, (1, 2))]
        for name, total in whole.items():
            np.testing.assert_array_equal(total, other[name], name)
            np.testing.assert_array_equal(total, split[0][name] + split[1][name], name)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize(("dtype", "d", "n_classes"), CASES)
def test_loss_and_gradient_agree_with_numpy(dtype, d, n_classes, weighted):
    case = Case(dtype, d, n_classes, weighted=weighted)
    got = Units.of(case.bounds, case.scaling).values(case.sums(runnable()[0]))
    rows = np.hstack([case.X.astype(np.float64), np.ones((N, 1))])
    z = rows @ case.coef.T
    z = np.hstack([np.zeros((N, 1)), z]) if n_classes == 2 else z
    log_sum = np.log(np.exp(z).sum(axis=1))
    residual = case.w[:, None] * (np.exp(z - log_sum[:, None]) - np.eye(n_classes)[case.y])
    gradient = (residual[:, 1:] if n_classes == 2 else residual).T @ rows
    tolerance = 2e-5 if dtype == np.float32 else 1e-10
    loss = case.w @ (log_sum - z[np.arange(N), case.y])
    np.testing.assert_allclose(got["loss"], loss, rtol=tolerance)
    np.testing.assert_allclose(
        got["gradient"], gradient, rtol=0, atol=tolerance * np.abs(gradient).max()
    )


def test_a_value_that_is_not_finite_is_counted():
    case = Case(np.float32, 19, 2)
    case.X[700, 3] = np.nan
    assert case.sums(runnable()[0])["nonfinite"][0] == 1


def test_a_sum_above_its_bound_is_counted():
    case = Case(np.float32, 19, 2)
    case.X[:, 0] *= 1e5
    assert case.sums(runnable()[0])["exceeded"][0] > 0


def test_probabilities_of_large_margins_are_finite_and_sum_to_one():
    margins = np.array([[1e4, -1e4, 0.0], [0.0, 0.0, 0.0]])
    with ThreadTeam(1) as team:
        np.testing.assert_allclose(probabilities(margins, team).sum(axis=1), 1.0)
        assert log_probabilities(margins, team)[0, 1] == -2e4


def test_margins_are_the_linear_function():
    case = Case(np.float64, 19, 4)
    with ThreadTeam(1) as team:
        margins = decision_function(case.X, case.coef, team)
    np.testing.assert_allclose(margins, case.X @ case.coef[:, :-1].T + case.coef[:, -1], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_predictions_have_the_same_bits_at_every_width(dtype, n_classes):
    case = Case(dtype, 37, n_classes)
    found = []
    for kernels in runnable():
        with ThreadTeam(2, kernels=kernels) as team:
            margins = decision_function(case.X, case.coef, team)
            found.append((margins, probabilities(margins, team), log_probabilities(margins, team)))
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, same)


def test_margins_of_float32_rows_are_summed_in_double():
    case = Case(np.float32, 37, 2)
    with ThreadTeam(1) as team:
        margins = decision_function(case.X, case.coef, team)
    exact = case.X.astype(float) @ case.coef[:, :-1].T + case.coef[:, -1]
    np.testing.assert_allclose(margins, exact, atol=1e-13)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_probabilities_agree_with_numpy(n_classes):
    case = Case(np.float64, 19, n_classes)
    z = case.X @ case.coef[:, :-1].T + case.coef[:, -1]
    both = np.hstack([np.zeros((N, 1)), z]) if n_classes == 2 else z
    logs = both - np.log(np.exp(both).sum(axis=1, keepdims=True))
    with ThreadTeam(1) as team:
        np.testing.assert_allclose(log_probabilities(z, team), logs, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(probabilities(z, team), np.exp(logs), rtol=1e-12)
