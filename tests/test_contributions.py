"""Totals do not depend on who contributed what, or when."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from numpy.testing import assert_array_equal

from burly.contributions import (
    Part,
    Reducer,
    order_rows,
    reduce_parts,
    sorted_distinct,
    total,
)
from burly.exceptions import ConfigurationError, DataError

ROWS = np.dtype([("key", "f8"), ("shard", "i8"), ("row", "i8"), ("x", "f4", (2,))])


def same_bits(a, b):
    assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


@st.composite
def cut_and_shuffled(draw, length):
    """Return places to cut `length` things into parts, and the order in which the parts come."""
    cuts = sorted(draw(st.sets(st.integers(1, max(1, length - 1)), max_size=6)))
    bounds = [0, *cuts, length]
    pieces = [slice(a, b) for a, b in pairwise(bounds) if a < b]
    return draw(st.permutations(pieces))


@given(st.data())
def test_sums_are_the_same_for_every_cut_and_order(data):
    terms = data.draw(nps.arrays(np.int64, (data.draw(st.integers(1, 12)), 3)))
    whole = terms.sum(axis=0)
    pieces = data.draw(cut_and_shuffled(len(terms)))
    parts = [Part(Reducer.SUM, terms[piece].sum(axis=0)) for piece in pieces]
    same_bits(reduce_parts("x", parts), whole)


@given(st.data())
def test_a_record_is_summed_as_its_numbers_are(data):
    dtype = np.dtype([("a", "i8"), ("b", "i8", (2, 2)), ("c", "i8", 0)])
    numbers = data.draw(nps.arrays(np.int64, (data.draw(st.integers(1, 5)), 5)))
    parts = [Part(Reducer.SUM, row.view(dtype).reshape(())) for row in numbers]
    same_bits(reduce_parts("x", parts), numbers.sum(axis=0).view(dtype).reshape(()))


def test_sums_wrap_around():
    most = np.array([2**64 - 1], dtype=np.uint64)
    parts = [Part(Reducer.SUM, most), Part(Reducer.SUM, np.array([3], dtype=np.uint64))]
    assert reduce_parts("x", parts)[0] == 2


@given(st.data(), st.sampled_from([Reducer.MIN, Reducer.MAX]))
def test_extremes_have_the_same_bits_for_every_order(data, reducer):
    numbers = st.sampled_from([0.0, -0.0, 1.5, -1.5, np.inf, -np.inf, np.nan, -np.nan])
    rows = data.draw(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=5))
    parts = [Part(reducer, np.array(row, dtype=np.float32)) for row in rows]
    forwards = reduce_parts("x", parts)
    same_bits(reduce_parts("x", data.draw(st.permutations(parts))), forwards)
    both = np.fmin if reducer is Reducer.MIN else np.fmax
    for column, result in enumerate(forwards):
        values = np.array([row[column] for row in rows], dtype=np.float32)
        expected = np.nan if np.isnan(values).any() else both.reduce(values)
        assert_array_equal(result, expected)


@given(st.data(), st.sampled_from(["int64", "float32", "U", "S"]))
def test_unions_are_the_same_for_every_cut_and_order(data, dtype):
    pool = {
        "int64": st.integers(-5, 5),
        "float32": st.sampled_from([0.0, -0.0, 1.0, -2.5, np.inf]),
        "U": st.text("aäß", max_size=3),
        "S": st.binary(max_size=3).map(lambda value: value.rstrip(b"\0")),
    }[dtype]
    values = data.draw(st.lists(pool, min_size=1, max_size=12))
    pieces = data.draw(cut_and_shuffled(len(values)))
    whole = reduce_parts("x", [Part(Reducer.UNION, np.array(values, dtype=dtype))])
    parts = [Part(Reducer.UNION, np.array(values[piece], dtype=dtype)) for piece in pieces]
    same_bits(reduce_parts("x", parts), whole)
    assert sorted(set(values)) == whole.tolist()


def test_a_union_may_have_as_many_values_as_its_limit_and_no_more():
    parts = [Part(Reducer.UNION, np.array([1, 2]), 3), Part(Reducer.UNION, np.array([2, 3]), 3)]
    assert reduce_parts("label", parts).tolist() == [1, 2, 3]
    parts.append(Part(Reducer.UNION, np.array([4]), 3))
    with pytest.raises(DataError, match="label has 4 distinct values or more; at most 3"):
        reduce_parts("label", parts)


@given(st.data())
def test_rows_are_the_same_for_every_cut_and_order(data):
    length = data.draw(st.integers(1, 12))
    rows = np.zeros(length, dtype=ROWS)
    rows["key"] = data.draw(st.lists(st.integers(0, 2), min_size=length, max_size=length))
    rows["shard"] = np.arange(length) // 3
    rows["row"] = np.arange(length) % 3
    rows["x"] = np.arange(2 * length).reshape(length, 2)
    limit = data.draw(st.one_of(st.none(), st.integers(1, 12)))
    pieces = data.draw(cut_and_shuffled(length))
    parts = [Part(Reducer.ROWS, order_rows(rows[piece], limit), limit) for piece in pieces]
    expected = rows[sorted(range(length), key=lambda i: (rows["key"][i], i))][:limit]
    same_bits(reduce_parts("x", parts), expected)


@pytest.mark.parametrize("n_parts", [1, 2])
@pytest.mark.parametrize("reducer", [Reducer.SUM, Reducer.MIN, Reducer.MAX, Reducer.UNION])
def test_a_total_shares_no_memory_with_a_worker(reducer, n_parts):
    scratch = np.arange(4)
    parts = [Part(reducer, scratch)] * n_parts
    assert not np.shares_memory(reduce_parts("x", parts), scratch)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Part(Reducer.SUM, np.zeros(2, int)), Part(Reducer.SUM, np.zeros(3, int))),
        (Part(Reducer.SUM, np.zeros(2, int)), Part(Reducer.SUM, np.zeros((2, 1), int))),
        (Part(Reducer.SUM, np.zeros(2, "i8")), Part(Reducer.SUM, np.zeros(2, "u8"))),
        (Part(Reducer.SUM, np.zeros(2, int)), Part(Reducer.MIN, np.zeros(2, int))),
        (Part(Reducer.UNION, np.zeros(2), 3), Part(Reducer.UNION, np.zeros(2), 4)),
        (Part(Reducer.UNION, np.zeros(2)), Part(Reducer.UNION, np.array(["a"]))),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(first, second):
    with pytest.raises(ConfigurationError, match="workers disagree about 'x'"):
        reduce_parts("x", [first, second])


def test_contributions_that_name_other_parts_are_refused():
    part = Part(Reducer.SUM, np.zeros(2, int))
    with pytest.raises(ConfigurationError, match=r"\['a'\] and \['b'\]"):
        total([{"a": part}, {"b": part}])


GAP = np.dtype({"names": ["a", "b"], "formats": ["i8", "i8"], "offsets": [0, 16]})


@pytest.mark.parametrize(
    "dtype", ["f4", "f8", "i4", "?", [("a", "i8"), ("b", "f8")], [("a", "i8"), ("b", "u8")], GAP]
)
def test_only_wide_integers_can_be_summed(dtype):
    with pytest.raises(ConfigurationError, match="cannot be summed exactly"):
        reduce_parts("x", [Part(Reducer.SUM, np.zeros(2, dtype))])


def test_rows_need_a_key_a_shard_and_a_row():
    rows = np.zeros(1, dtype=[("shard", "i8"), ("key", "f8"), ("row", "i8")])
    with pytest.raises(ConfigurationError, match="key, shard and row"):
        reduce_parts("x", [Part(Reducer.ROWS, rows)])


def test_totals_keep_the_names_of_their_parts():
    first = {"b": Part(Reducer.SUM, np.array([1])), "a": Part(Reducer.MAX, np.array([5]))}
    second = {"a": Part(Reducer.MAX, np.array([7])), "b": Part(Reducer.SUM, np.array([2]))}
    totals = total([first, second])
    assert {name: array.tolist() for name, array in totals.items()} == {"b": [3], "a": [7]}


def test_a_union_takes_no_notice_of_who_has_nothing():
    nothing = Part(Reducer.UNION, np.empty(0), 5)
    some = [Part(Reducer.UNION, np.array(values), 5) for values in (["b"], ["ab", "b"])]
    for parts in ([nothing, *some], [*some, nothing]):
        assert reduce_parts("labels", parts).tolist() == ["ab", "b"]


@pytest.mark.parametrize(
    "values",
    [
        [3, 1, 3, 2],
        [],
        [0.5],
        [np.nan, 1.0, np.nan, -0.0, 0.0, np.inf],
        ["b", "a", "b"],
        [True, False],
    ],
)
def test_sorted_distinct_values_are_those_of_numpy(values):
    array = np.array(values)
    np.testing.assert_array_equal(sorted_distinct(array), np.unique(array))


def test_a_worker_does_not_wait_for_masked_arrays():
    code = (
        "import sys, numpy as np; from burly.contributions import sorted_distinct; "
        "sorted_distinct(np.array([1.0, 2.0])); print('numpy.ma' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
