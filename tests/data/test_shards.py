import pytest
from hypothesis import given
from hypothesis import strategies as st

from burly.data.shards import (
    REQUEST_BYTES,
    WIDE_SHARD_BYTES,
    DataObject,
    Shard,
    row_ranges,
    rows_per_shard,
    runs_of,
    split_shards,
)
from burly.exceptions import ConfigurationError

ITEM = DataObject("/data/x.npy", None, 1 << 40)


def shards_of_sizes(sizes: list[int]) -> tuple[Shard, ...]:
    return tuple(Shard(i, i, i + 1, size, ITEM) for i, size in enumerate(sizes))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60), st.integers(1, 80))
def test_each_shard_goes_to_one_worker_and_order_is_kept(sizes, n_workers):
    shards = shards_of_sizes(sizes)
    parts = split_shards(shards, n_workers)
    assert sum(parts, ()) == shards
    assert len(parts) == min(n_workers, len(shards))
    assert all(parts)


@given(st.integers(1, 400), st.integers(1, 40))
def test_equal_shards_are_dealt_evenly(n_shards, n_workers):
    parts = split_shards(shards_of_sizes([7] * n_shards), n_workers)
    lengths = [len(part) for part in parts]
    assert max(lengths) - min(lengths) <= 1


def test_large_shards_weigh_more():
    parts = split_shards(shards_of_sizes([100, 10, 10, 10, 10, 10, 50]), 2)
    assert [len(part) for part in parts] == [1, 6]


def test_a_worker_is_needed():
    with pytest.raises(ConfigurationError, match="n_workers must be at least 1, got 0"):
        split_shards(shards_of_sizes([1]), 0)


@given(st.integers(0, 100_000), st.integers(1, 10_000))
def test_row_ranges_cover_each_row_once(n_rows, shard_rows):
    ranges = list(row_ranges(n_rows, shard_rows))
    assert [row for begin, end in ranges for row in (begin, end)] == sorted(
        row for begin, end in ranges for row in (begin, end)
    )
    assert sum(end - begin for begin, end in ranges) == n_rows
    assert all(0 < end - begin <= shard_rows for begin, end in ranges)


@given(st.integers(1, 1 << 30))
def test_wide_rows_make_shards_of_fewer_rows(row_bytes):
    rows = rows_per_shard(row_bytes)
    assert rows == 8192 or 2 * rows * row_bytes > WIDE_SHARD_BYTES
    assert rows == 1 or rows * row_bytes <= WIDE_SHARD_BYTES


def test_narrow_rows_make_shards_of_8192_rows():
    assert rows_per_shard(784 * 4) == 8192


def test_runs_join_neighbours_up_to_the_size_of_a_request():
    half = REQUEST_BYTES // 2
    shards = shards_of_sizes([half, half, half, REQUEST_BYTES * 2, 1])
    assert [len(run) for run in runs_of(shards)] == [2, 1, 1, 1]


def test_runs_never_cross_objects_or_gaps():
    other = DataObject("/data/y.npy", None, 10)
    shards = (Shard(0, 0, 1, 1, ITEM), Shard(1, 0, 1, 1, other), Shard(3, 1, 2, 1, other))
    assert [len(run) for run in runs_of(shards)] == [1, 1, 1]
