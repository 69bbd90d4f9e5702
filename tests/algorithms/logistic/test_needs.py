"""What the client says of memory and of rounds, before it launches, is what a fit comes to."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from burly import Lithops, LogisticRegression
from burly.algorithms.logistic.algorithm import LogisticRegression as Fitting
from burly.algorithms.logistic.settings import Settings
from burly.data.arrays import from_arrays
from burly.data.partition import DatasetInfo
from burly.exceptions import RoundTooLargeError
from burly.launchers import lithops, memory
from burly.testing import AlgorithmRun, Layout


def rows(n_classes, n=2000):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 20)), np.arange(n) % n_classes


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("solver", ["newton", "lbfgs", "gd", "auto"])
def test_the_largest_contribution_is_hardly_larger_than_was_declared(solver, n_classes):
    data = from_arrays(*rows(n_classes))
    algorithm = Fitting(Settings(solver=solver, learning_rate=1e-4), n_classes=n_classes)
    sent = max(AlgorithmRun(algorithm, data, Layout()).contributed_bytes)
    declared = algorithm.contribution_bytes(data.info)
    assert declared <= sent < declared + 200 * n_classes


def test_without_a_number_of_classes_no_hessian_is_declared_that_may_not_come():
    data = from_arrays(*rows(2))
    assert Fitting(Settings()).contribution_bytes(data.info) == 8 * 21


def wide(n_features):
    return DatasetInfo(n_features, np.dtype(np.float32), 1, 1000, 1000, sparse=True)


def test_what_lbfgs_remembers_of_many_columns_is_declared():
    algorithm = Fitting(Settings(), n_classes=3)
    vector = 8 * 3 * 1_000_001
    # Eleven points with their gradients, and what sums and totals take.
    assert algorithm.model_bytes(wide(1_000_000)) == (22 + 4) * vector


def test_sparse_rows_are_declared_with_the_copies_that_kernels_make():
    algorithm = Fitting(Settings())
    assert [algorithm.value_bytes(wide(d)) for d in (65_536, 65_537)] == [6, 8]
    X = sparse.random_array((3000, 400), density=0.1, format="csr", dtype=np.float32)
    data = from_arrays(X, np.arange(3000) % 2)
    need = memory.needed_bytes(algorithm, data, data.shards)
    stored = data.read(data.shards, 1).n_bytes
    assert need > 1.3 * stored + 6 * X.nnz + algorithm.model_bytes(data.info)


@pytest.mark.parametrize(
    ("solver", "n_classes", "n_bytes"),
    [("newton", 2, "256,288,032"), ("lbfgs", 4000, "256,032,000")],
)
def test_rounds_that_classes_or_hessians_make_too_large_are_refused_before_a_launch(
    monkeypatch, solver, n_classes, n_bytes
):
    monkeypatch.setattr(lithops, "executor", lambda *_: pytest.fail("something was launched"))
    model = LogisticRegression(solver=solver, launcher=Lithops(n_workers=1))
    X, y = np.zeros((4000, 8000), np.float32), np.arange(4000) % n_classes
    with pytest.raises(RoundTooLargeError, match=f"a round of {n_bytes} bytes"):
        model.fit(X, y)
