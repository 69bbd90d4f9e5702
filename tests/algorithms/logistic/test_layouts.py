"""No layout, thread count or restart changes a bit, whatever the solver."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, random_array
from tests.algorithms.logistic.loop import Layout, fit, info_of, shards_of

from burly.algorithms.logistic.settings import Settings

N_SHARDS = 12

CASES = {
    "newton": Settings(solver="newton", C=0.5),
    "newton l1": Settings(solver="newton", C=0.05, l1_ratio=1.0),
    "lbfgs": Settings(solver="lbfgs", tol=1e-8),
    "lbfgs elastic net": Settings(solver="lbfgs", C=0.05, l1_ratio=0.5),
    "gd": Settings(solver="gd", max_iter=10, learning_rate=1e-4),
}

layouts = st.builds(
    Layout,
    cuts=st.lists(st.integers(0, N_SHARDS), max_size=5),
    n_threads=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    forgets=st.sets(st.integers(0, 15), max_size=3),
)


@lru_cache
def rows(n_classes, dtype, weighted):
    """Correlated rows, sorted by label, so that lines are searched and shards lack labels."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((11 * 700 - 100, 5))
    X = (0.2 * X + rng.standard_normal((len(X), 1))).astype(dtype)
    scores = X[:, :n_classes] * 9 + rng.gumbel(size=(len(X), n_classes))
    y = np.argmax(scores, axis=1)
    order = np.argsort(y, kind="stable")
    weights = rng.random(len(X)) if weighted else None
    shards = shards_of(X[order], y[order], weights)
    return info_of(X, shards, weighted=weighted), shards


@lru_cache
def reference(name, n_classes, dtype, weighted):
    """One worker, one thread, nothing forgotten."""
    return fit(*rows(n_classes, dtype, weighted), CASES[name], Layout())


@pytest.mark.parametrize("name", CASES)
@settings(deadline=None, max_examples=12)
@given(layouts, st.sampled_from([2, 3]), st.sampled_from(["f4", "f8"]), st.booleans())
def test_no_layout_changes_a_bit(name, layout, n_classes, dtype, weighted):
    found = fit(*rows(n_classes, dtype, weighted), CASES[name], layout)
    expected = reference(name, n_classes, dtype, weighted)
    assert found["theta"].tobytes() == expected["theta"].tobytes()
    assert found["n_iter"] == expected["n_iter"]


@lru_cache
def sparse_rows(n_classes, dtype):
    """More columns than have a place of their own in the start, and fewer entries than one a row."""
    rng = np.random.default_rng(5)
    X = random_array((11 * 700 - 100, 400), density=0.02, rng=rng, dtype=dtype, format="csr")
    scores = X[:, :n_classes].toarray() * 30 + rng.gumbel(size=(X.shape[0], n_classes))
    shards = shards_of(X, np.argmax(scores, axis=1))
    return info_of(X, shards), shards


@settings(deadline=None, max_examples=12)
@given(
    layouts,
    st.sampled_from(["lbfgs", "lbfgs elastic net", "gd"]),
    st.sampled_from([2, 3]),
    st.sampled_from(["f4", "f8"]),
)
def test_no_layout_changes_a_bit_of_a_fit_to_sparse_rows(layout, name, n_classes, dtype):
    found = fit(*sparse_rows(n_classes, dtype), CASES[name], layout)
    expected = fit(*sparse_rows(n_classes, dtype), CASES[name], Layout())
    assert found["theta"].tobytes() == expected["theta"].tobytes()


def wide_rows(n_features):
    """Many more columns than rows; which of them occur differs from shard to shard."""
    rng = np.random.default_rng(3)
    n_rows, per_row = 11 * 700 - 100, 20
    columns = (n_features * rng.random((n_rows, per_row)) ** 4).astype(np.int32)
    ends = np.arange(0, per_row * n_rows + 1, per_row)
    values = np.ones(columns.size, np.float32)
    X = csr_array((values, np.sort(columns).ravel(), ends), shape=(n_rows, n_features))
    X.sum_duplicates()
    y = (X[:, :50].sum(axis=1) + rng.logistic(size=n_rows) > 3).astype(int)
    shards = shards_of(X, y)
    return info_of(X, shards), shards


def test_no_layout_changes_a_bit_of_many_columns():
    info, shards = wide_rows(100_000)
    expected = fit(info, shards, CASES["lbfgs"], Layout())
    for layout in (Layout(cuts=[4, 9], n_threads=[1, 2, 3]), Layout(cuts=[1], forgets={3, 6})):
        found = fit(info, shards, CASES["lbfgs"], layout)
        assert found["theta"].tobytes() == expected["theta"].tobytes()
        assert found["n_iter"] == expected["n_iter"]


def test_the_rows_of_these_tests_make_lbfgs_look_along_a_line():
    layout = Layout()
    fit(*rows(3, "f8", True), CASES["lbfgs"], layout)
    assert "line" in layout.phases
