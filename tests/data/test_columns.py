"""Columns become rows: the native code does what NumPy's assignment does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burly.data import _columns

SOURCES = ("f4", "f8", "i4", "i8")


@given(
    n_rows=st.integers(0, 5000),
    n_features=st.sampled_from((1, 2, 15, 16, 17, 40)),
    source=st.sampled_from(SOURCES),
    target=st.sampled_from(("f4", "f8")),
    n_parts=st.integers(1, 3),
    data=st.data(),
)
def test_columns_that_arrive_in_pieces_become_rows(
    n_rows, n_features, source, target, n_parts, data
):
    rng = np.random.default_rng(n_rows)
    table = (rng.normal(size=(n_rows, n_features)) * 1e8).astype(source)
    rows = np.empty((n_rows, n_features), target)
    for j in rng.permutation(n_features):
        cut = data.draw(st.integers(0, n_rows))
        for begin, end in ((cut, n_rows), (0, cut)):
            assert not _columns.put(rows, j, begin, np.ascontiguousarray(table[begin:end, j]))
    for part in range(n_parts):
        _columns.into_rows(rows, part, n_parts)
    assert rows.tobytes() == table.astype(target).tobytes()


def test_rows_so_wide_that_few_of_them_fill_the_cache():
    table = np.random.default_rng(0).normal(size=(40, 9000)).astype("f4")
    rows = np.empty_like(table)
    for j in range(9000):
        _columns.put(rows, j, 0, np.ascontiguousarray(table[:, j]))
    _columns.into_rows(rows, 0, 1)
    np.testing.assert_array_equal(rows, table)


@pytest.mark.parametrize("value", [1e39, -1e39])
def test_a_number_that_is_too_large_is_told(value):
    column = np.zeros(100)
    column[70] = value
    assert _columns.put(np.empty((100, 3), "f4"), 1, 0, column)
    assert not _columns.put(np.empty((100, 3), "f8"), 1, 0, column)


def test_infinities_and_gaps_are_no_overflow():
    column = np.array([np.inf, -np.inf, np.nan])
    rows = np.empty((3, 1), "f4")
    assert not _columns.put(rows, 0, 0, column)
    _columns.into_rows(rows, 0, 1)
    np.testing.assert_array_equal(rows[:, 0], column)


@pytest.mark.parametrize(
    ("column", "first", "n_values"), [(3, 0, 4), (0, 0, 5), (0, 2, 3), (0, 9, 0)]
)
def test_what_does_not_fit_is_refused(column, first, n_values):
    with pytest.raises(ValueError, match="do not fit the rows"):
        _columns.put(np.empty((4, 3)), column, first, np.zeros(n_values))
