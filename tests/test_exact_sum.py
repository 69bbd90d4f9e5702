"""Exact sums: any order, any grouping, the same bits, close to the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burly.exact_sum import bits_for, grid_for, levels_for
from burly.exceptions import DataError

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@given(values, st.sampled_from([1, 2]), st.randoms())
def test_order_and_grouping_leave_no_trace(terms: list[float], levels: int, random: object) -> None:
    array = np.array(terms)
    grid = grid_for(np.array([np.abs(array).max()]), len(terms), levels)
    whole = grid.round(array[:, np.newaxis]).sum(axis=1)
    shuffled = array.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    cut = len(shuffled) // 2
    parts = [
        grid.round(part[:, np.newaxis]).sum(axis=1) for part in (shuffled[:cut], shuffled[cut:])
    ]
    np.testing.assert_array_equal(parts[0] + parts[1], whole)


@given(values)
def test_two_levels_err_by_little_more_than_the_last_bit(terms: list[float]) -> None:
    array = np.array(terms)
    bound = np.abs(array).max()
    grid = grid_for(np.array([bound]), len(terms), 2)
    total = grid.decode(grid.round(array[:, np.newaxis]).sum(axis=1))[0]
    truth = math.fsum(terms)
    assert abs(total - truth) <= 4e-16 * abs(truth) + len(terms) * (bound * 2.0**-100 + 1e-290)


@given(st.integers(1, 2**40))
def test_sums_of_the_largest_terms_fit_in_63_bits(n: int) -> None:
    assert n * 2 ** bits_for(n) <= 2**62


def test_a_bound_of_zero_has_a_grid_too() -> None:
    grid = grid_for(np.zeros(2), 10, 2)
    assert np.all(grid.quanta > 0)
    assert grid.holds(np.zeros(2))
    assert not grid.holds(np.array([0.0, 1.0]))


@pytest.mark.parametrize("bound", [np.inf, np.nan, 1e300])
def test_terms_too_large_to_sum_are_refused(bound: float) -> None:
    with pytest.raises(DataError, match="column 1"):
        grid_for(np.array([1.0, bound]), 10, 1)


def test_float32_needs_one_level_and_float64_two() -> None:
    assert [levels_for(np.dtype(t)) for t in ("f4", "f8")] == [1, 2]
