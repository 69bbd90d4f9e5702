"""Columns become rows: the native code does what NumPy's assignment does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burly.data import _columns

SOURCES = ("f4", "f8", "i4", "i8")


@given(
    n_rows=st.integers(0, 200),
    n_features=st.integers(1, 20),
    source=st.sampled_from(SOURCES),
    target=st.sampled_from(("f4", "f8")),
    data=st.data(),
)
def test_columns_are_put_where_they_belong_and_nothing_else_is_touched(
    n_rows, n_features, source, target, data
):
    places = data.draw(st.lists(st.integers(0, n_features - 1), unique=True))
    rng = np.random.default_rng(n_rows)
    columns = [(rng.normal(size=n_rows) * 1e8).astype(source) for _ in places]
    rows = np.full((n_rows, n_features), 7, target)
    expected = rows.copy()
    for place, column in zip(places, columns, strict=True):
        expected[:, place] = column
    assert _columns.fill(rows, columns, places) == -1
    assert rows.tobytes() == expected.tobytes()


@pytest.mark.parametrize("value", [1e39, -1e39])
def test_a_number_that_is_too_large_is_told_with_its_column(value):
    columns = [np.zeros(100), np.zeros(100)]
    columns[1][70] = value
    assert _columns.fill(np.empty((100, 3), "f4"), columns, [0, 2]) == 1
    assert _columns.fill(np.empty((100, 3), "f8"), columns, [0, 2]) == -1


def test_infinities_and_gaps_are_no_overflow():
    column = np.array([np.inf, -np.inf, np.nan])
    rows = np.empty((3, 1), "f4")
    assert _columns.fill(rows, [column], [0]) == -1
    np.testing.assert_array_equal(rows[:, 0], column)


@pytest.mark.parametrize(
    ("columns", "places"), [([np.zeros(4)], [3]), ([np.zeros(5)], [0]), ([np.zeros(4)], [0, 1])]
)
def test_what_does_not_fit_is_refused(columns, places):
    with pytest.raises(ValueError, match=r"does not fit|one place"):
        _columns.fill(np.empty((4, 3)), columns, places)
