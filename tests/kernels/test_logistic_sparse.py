"""Sums over sparse rows agree with NumPy, and their bits with each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from burly.data.arrays import from_arrays
from burly.data.partition import Partition
from burly.exceptions import ConfigurationError
from burly.kernels import ThreadTeam, runnable
from burly.kernels.logistic import Bounds, LogisticRows, Units, block_limit
from burly.kernels.logistic_predict import decision_function

N = 20_000


class Case:
    """Rows of two shards and a half; columns of all frequencies, one row longer than any chunk."""

    def __init__(self, dtype, n_columns, n_classes, seed=0):
        rng = np.random.default_rng(seed)
        self.n_columns, self.n_classes = n_columns, n_classes
        lengths = rng.integers(0, 40, N)
        lengths[5] = min(300, n_columns // 2)
        rows = np.repeat(np.arange(N), lengths)
        columns = (n_columns * rng.random(len(rows)) ** 4).astype(np.int64)
        values = rng.normal(size=len(rows)) * 10.0 ** rng.integers(-3, 4, n_columns)[columns]
        self.X = sparse.csr_array((values, (rows, columns)), (N, n_columns)).astype(dtype)
        self.y = rng.integers(0, n_classes, N).astype(np.int32)
        self.w = rng.random(N)
        outputs = 1 if n_classes == 2 else n_classes
        largest = np.maximum(abs(self.X).max(axis=0).toarray().ravel(), 1e-3)
        self.columns = largest.astype(np.float64)
        self.coef = rng.normal(size=(outputs, n_columns + 1)) / np.append(largest, 1.0) / 4
        self.coef = self.coef.astype(np.float32).astype(np.float64)
        self.data = from_arrays(self.X, self.y, self.w)
        self.bounds = Bounds(self.columns, 1.0, 400.0, N, block_limit(self.data.info.n_shards, N))

    def rows(self, team, shards=None):
        chosen = self.data.shards if shards is None else [self.data.shards[i] for i in shards]
        read = self.data.read(chosen, 1).shards
        rows = LogisticRows(Partition(self.data.info, read), team)
        rows.label([shard.y for shard in read], self.n_classes, np.full(self.n_classes, 0.5))
        return rows

    def sums(self, kernels, n_threads=1, shards=None, **wanted):
        with ThreadTeam(n_threads, kernels=kernels) as team:
            rows = self.rows(team, shards)
            steps = np.array([0.0, 0.5, 3.0])
            moments = rows.moments(self.bounds, np.zeros(self.n_columns))
            rows.evaluate(self.coef * 0.5, self.bounds, gradient=False, keep=0)
            evaluated = rows.evaluate(self.coef, self.bounds, keep=1, **wanted)
            trial = rows.trial(steps, self.bounds)
            trial = {name: a for name, a in trial.items() if name != "exceeded"}
            return {**{f"of {name}": a for name, a in moments.items()}, **evaluated, **trial}


CASES = [
    (dtype, d, k)
    for dtype in (np.float32, np.float64)
    for d, k in ((900, 2), (900, 5), (70_000, 2))
]


@pytest.mark.parametrize(("dtype", "n_columns", "n_classes"), CASES)
def test_widths_threads_and_partitions_give_the_same_bits(dtype, n_columns, n_classes):
    case = Case(dtype, n_columns, n_classes)
    whole = case.sums(runnable()[-1])
    for kernels in runnable():
        other = case.sums(kernels, 2)
        split = [case.sums(kernels, 1, (0,)), case.sums(kernels, 2, (1, 2))]
        for name, total in whole.items():
            np.testing.assert_array_equal(total, other[name], name)
            np.testing.assert_array_equal(total, split[0][name] + split[1][name], name)
    assert whole["exceeded"][0] == 0


@pytest.mark.parametrize(("dtype", "n_columns", "n_classes"), CASES)
def test_sums_agree_with_numpy(dtype, n_columns, n_classes):
    case = Case(dtype, n_columns, n_classes)
    sums = case.sums(runnable()[0], 2)
    units = Units.of(case.bounds, sparse=True, squares=True)
    got = units.values(sums)
    moments = units.values({name.removeprefix("of "): sums[name] for name in sums if " " in name})
    X, s = case.X.astype(np.float64), 0.5 * case.w
    z = X @ case.coef[:, :-1].T + case.coef[:, -1]
    z = np.hstack([np.zeros((N, 1)), z]) if n_classes == 2 else z
    log_sum = np.logaddexp.reduce(z, axis=1)
    residual = s[:, None] * (np.exp(z - log_sum[:, None]) - np.eye(n_classes)[case.y])
    residual = residual[:, 1:] if n_classes == 2 else residual
    scale = np.append(case.columns, 1.0)
    gradient = np.column_stack([(X.T @ residual).T, residual.sum(axis=0)]) / scale
    tolerance = 3e-5 if dtype == np.float32 else 1e-9
    np.testing.assert_allclose(got["loss"], s @ (log_sum - z[np.arange(N), case.y]), rtol=tolerance)
    np.testing.assert_allclose(
        got["gradient"] / scale, gradient, rtol=0, atol=tolerance * np.abs(gradient).max()
    )
    for name, power in (("sums", 1), ("squares", 2)):
        expected = (X.power(power).T @ case.w) / case.columns**power
        np.testing.assert_allclose(moments[name] / case.columns**power, expected, atol=1e-6)
    stored = np.bincount(case.X.indices, minlength=n_columns)
    np.testing.assert_array_equal(moments["nonzeros"], stored)


def test_bounds_are_the_largest_values_of_the_columns():
    case = Case(np.float64, 900, 2)
    with ThreadTeam(2) as team:
        np.testing.assert_array_equal(
            case.rows(team).column_bounds(), abs(case.X).max(axis=0).toarray().ravel()
        )


def test_wider_bounds_change_sums_by_rounding_alone():
    case = Case(np.float64, 900, 2)
    with ThreadTeam(1) as team:
        rows = case.rows(team)
        near = rows.evaluate(case.coef, case.bounds)
        wider = Bounds(case.columns * 8.0, 1.0, 400.0, N, case.bounds.n_blocks)
        far = rows.evaluate(case.coef, wider)
        again = rows.evaluate(case.coef, case.bounds)
    np.testing.assert_array_equal(near["gradient"], again["gradient"])
    scale = np.append(case.columns, 1.0)
    gradients = [
        Units.of(bounds, sparse=True).values(sums)["gradient"] / scale
        for bounds, sums in ((case.bounds, near), (wider, far))
    ]
    np.testing.assert_allclose(*gradients, atol=1e-5)


def test_a_value_above_its_bound_is_counted_by_the_one_who_has_it():
    case = Case(np.float32, 900, 2)
    place = int(case.X.indptr[12_000])
    case.X.data[place] = case.columns[case.X.indices[place]] * 5.0
    case.data = from_arrays(case.X, case.y, case.w)
    assert case.sums(runnable()[0])["exceeded"][0] > 0


def test_values_that_are_not_finite_are_counted_by_column():
    case = Case(np.float32, 900, 2)
    places = case.X.indptr[[100, 200]]
    case.X.data[places] = [np.nan, np.inf]
    case.data = from_arrays(case.X, case.y, case.w)
    with ThreadTeam(2) as team:
        rows = case.rows(team)
        counted = rows.count_nonfinite()
        assert rows.evaluate(case.coef, case.bounds)["exceeded"][0] >= 2
    np.testing.assert_array_equal(counted, np.bincount(case.X.indices[places], minlength=900))


def test_a_partition_without_rows_adds_nothing():
    case = Case(np.float64, 900, 3)
    sums = case.sums(runnable()[0], shards=())
    assert not any(np.any(array) for array in sums.values())


def test_hessians_are_refused():
    case = Case(np.float32, 900, 2)
    with ThreadTeam(1) as team, pytest.raises(ConfigurationError, match="no Hessians"):
        case.rows(team).evaluate(case.coef, case.bounds, curvature=True)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_margins_are_the_linear_function(n_classes):
    case = Case(np.float32, 900, n_classes)
    with ThreadTeam(2) as team:
        margins = decision_function(case.data.reader.X, case.coef, team)
    expected = case.X.astype(np.float64) @ case.coef[:, :-1].T + case.coef[:, -1]
    np.testing.assert_allclose(margins, expected, atol=1e-9)
