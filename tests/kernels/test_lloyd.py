"""Lloyd's kernel: the same bits whatever is skipped, and the labels of an oracle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from burly.data.partition import DatasetInfo, Partition, ShardRows
from burly.exact_sum import Grid, grid_for, levels_for
from burly.kernels import ThreadTeam, runnable
from burly.kernels.assignment import assign, distances, own_distances
from burly.kernels.lloyd import Lloyd
from burly.kernels.rows import Rows

Array = NDArray[Any]
ROUNDS = 12
N_ROWS = 6000


def partition_of(X: Array, weights: Array | None = None, shard_rows: int = 1000) -> Partition:
    info = DatasetInfo(
        X.shape[1], X.dtype, -(-len(X) // shard_rows), len(X), len(X), weights is not None
    )
    return Partition(
        info,
        [
            ShardRows(
                at // shard_rows,
                X[at : at + shard_rows],
                None,
                None if weights is None else weights[at : at + shard_rows],
            )
            for at in range(0, len(X), shard_rows)
        ],
    )


@dataclass(frozen=True)
class Grids:
    grid: Grid
    weights: Grid | None
    squares: Grid


def grids_for(X: Array, weights: Array | None, shift: Array) -> Grids:
    heaviest = 1.0 if weights is None else float(weights.max())
    bounds = np.abs(X).max(axis=0).astype(np.float64)
    return Grids(
        grid_for(bounds * heaviest, len(X), levels_for(X.dtype)),
        None if weights is None else grid_for(np.array([heaviest]), len(X), 2),
        grid_for((bounds + np.abs(shift)) ** 2 * heaviest, len(X), 2),
    )


@dataclass(frozen=True)
class Trace:
    bits: list[bytes]
    skipped: float


def iterate(
    X: Array,
    k: int,
    *,
    kernels: str,
    n_threads: int,
    dense: bool,
    weights: Array | None = None,
    shard_rows: int = 1000,
) -> Trace:
    """Some rounds of Lloyd; the bits of labels, sums and centres of each."""
    centers = X[np.linspace(0, len(X) - 1, k).astype(int)].copy()
    shift = np.median(centers, axis=0).astype(X.dtype)
    grids = grids_for(X, weights, shift)
    bits: list[bytes] = []
    evaluated = 0
    with ThreadTeam(n_threads, kernels=kernels) as team:
        lloyd = Lloyd(
            partition_of(X, weights, shard_rows),
            k,
            team,
            shift=shift,
            grid=grids.grid,
            weight_grid=grids.weights,
            dense=dense,
        )
        for number in range(ROUNDS):
            totals = lloyd.measure(centers, grids.squares) if number == 0 else lloyd.step(centers)
            evaluated += totals.evaluated
            mass: Array = totals.counts
            if grids.weights is not None and totals.weight_sums is not None:
                mass = grids.weights.decode(totals.weight_sums[:, :, np.newaxis])[:, 0]
            filled = mass[:, np.newaxis] > 0
            means = grids.grid.decode(totals.sums) / np.where(filled, mass[:, np.newaxis], 1)
            centers = np.where(filled, means, centers).astype(X.dtype)
            bits += [lloyd.labels.tobytes(), totals.sums.tobytes(), centers.tobytes()]
    return Trace(bits, 1 - evaluated / (ROUNDS * len(X)))


def data(kind: str) -> tuple[Array, int]:  # noqa: C901, PLR0911 -- a table
    rng = np.random.default_rng(7)
    match kind:
        case "blobs":
            means = rng.normal(size=(12, 7)) * 4
            return means[rng.integers(0, 12, N_ROWS)] + rng.normal(size=(N_ROWS, 7)), 12
        case "uniform noise":
            return rng.random((N_ROWS, 16)), 20
        case "pixels with ties":
            return rng.integers(0, 40, (N_ROWS, 3)).astype(float), 17
        case "duplicates":
            return np.repeat(rng.normal(size=(50, 5)), N_ROWS // 50, axis=0), 20
        case "offset of 1e4":
            return 1e4 + rng.normal(size=(N_ROWS, 6)), 9
        case "bad scales":
            return rng.normal(size=(N_ROWS, 6)) * 10.0 ** np.arange(-6, 6, 2), 9
        case "one column":
            return rng.normal(size=(N_ROWS, 1)), 8
        case "lone far centre":
            X = rng.normal(size=(N_ROWS, 4))
            X[-1] = 1e6
            return X, 6
        case "many centres":
            means = rng.normal(size=(60, 128)) * 2
            return means[rng.integers(0, 60, N_ROWS)] + rng.normal(size=(N_ROWS, 128)), 160
        case "many features":
            means = rng.normal(size=(9, 150))
            return means[rng.integers(0, 9, N_ROWS)] + rng.normal(size=(N_ROWS, 150)), 9
        case "many centres, few points":
            return rng.normal(size=(120, 128))[rng.integers(0, 120, N_ROWS)], 160
        case _:
            raise AssertionError(kind)


KINDS = (
    "blobs",
    "uniform noise",
    "pixels with ties",
    "duplicates",
    "offset of 1e4",
    "bad scales",
    "one column",
    "lone far centre",
    "many features",
    "many centres",
    "many centres, few points",
)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_neither_bounds_nor_threads_nor_width_nor_shards_change_a_bit(
    kind: str, dtype: type, weighted: bool
) -> None:
    X, k = data(kind)
    X = np.ascontiguousarray(X, dtype=dtype)
    weights = np.random.default_rng(1).random(len(X)) if weighted else None
    plain = iterate(X, k, kernels=runnable()[0], n_threads=1, dense=True, weights=weights)
    for kernels in runnable():
        for n_threads in (1, 2):
            for dense in (False, True):
                other = iterate(
                    X,
                    k,
                    kernels=kernels,
                    n_threads=n_threads,
                    dense=dense,
                    weights=weights,
                    shard_rows=1000 if dense else 700,
                )
                assert other.bits == plain.bits, (kernels, n_threads, dense)
                assert (other.skipped == 0) == dense
                if not dense:
                    print(f"{kind}: {other.skipped:.1%} of the rows were skipped")  # noqa: T201
                    assert other.skipped > 0.15


@pytest.mark.parametrize(
    ("scale", "skips"),
    [(1e-140, False), (1e-45, False), (1e-25, True), (1e30, True), (1e39, False), (1e120, False)],
)
def test_bounds_change_no_bit_of_values_whose_gaps_float32_cannot_hold(
    scale: float, skips: bool
) -> None:
    X, k = data("blobs")
    kernels = runnable()[0]
    dense = iterate(X * scale, k, kernels=kernels, n_threads=1, dense=True)
    bounded = iterate(X * scale, k, kernels=kernels, n_threads=1, dense=False)
    assert bounded.bits == dense.bits
    assert (bounded.skipped > 0.15) == skips


def test_a_centre_that_was_no_number_for_a_while_takes_the_rows_it_comes_near() -> None:
    X = np.repeat(np.array([[0.0], [4.0], [20.0]]), 100, axis=0)
    grids = grids_for(X, None, X[0])
    rounds = [[100.0, 0.0, 20.0], [np.nan, 0.1, 20.2], [4.0, 0.1, 20.2]]
    with ThreadTeam(1) as team:
        lloyd = Lloyd(partition_of(X), 3, team, shift=X[0], grid=grids.grid)
        for centers in rounds:
            lloyd.step(np.array(centers)[:, np.newaxis])
        np.testing.assert_array_equal(lloyd.labels, np.repeat([1, 0, 2], 100))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("n", "d", "k"), [(1, 1, 1), (65, 3, 2), (500, 9, 13), (130, 131, 7), (64, 2, 6)]
)
def test_labels_are_those_of_the_nearest_centres_and_sums_those_of_their_rows(
    n: int, d: int, k: int, dtype: type
) -> None:
    rng = np.random.default_rng(n)
    X, centers = rng.normal(size=(n, d)).astype(dtype), rng.normal(size=(k, d)).astype(dtype)
    shift = np.median(centers, axis=0).astype(dtype)
    grids = grids_for(X, None, shift)
    squares = ((X[:, np.newaxis].astype(float) - centers) ** 2).sum(axis=2)
    nearest = squares.argmin(axis=1)
    for kernels in runnable():
        with ThreadTeam(2, kernels=kernels) as team:
            partition = partition_of(X, shard_rows=64)
            lloyd = Lloyd(partition, k, team, shift=shift, grid=grids.grid)
            totals = lloyd.measure(centers, grids.squares)
            rows = Rows(partition, team)
            np.testing.assert_array_equal(lloyd.labels, nearest)
            np.testing.assert_array_equal(assign(rows, team, centers, shift), nearest)
            np.testing.assert_array_equal(totals.counts, np.bincount(nearest, minlength=k))
            sums = np.stack([X[nearest == j].astype(float).sum(axis=0) for j in range(k)])
            np.testing.assert_allclose(grids.grid.decode(totals.sums), sums, atol=1e-11)
            np.testing.assert_allclose(
                distances(rows, team, centers, shift), np.sqrt(squares), rtol=1e-4, atol=1e-6
            )
            assert totals.measured is not None
            assert totals.measured.finite
            magnitudes = totals.measured.magnitudes
            np.testing.assert_array_equal(magnitudes[0], np.abs(X).max(axis=0))
            assert np.all(magnitudes[1] >= ((X.astype(float) - shift) ** 2).max(axis=0))
            np.testing.assert_allclose(
                grids.squares.decode(totals.measured.squares),
                ((X.astype(float) - shift) ** 2).sum(axis=0),
                rtol=1e-12,
            )
            inertia_grid = grid_for(np.array([squares.max() + 1]), n, 2)
            total, largest = own_distances(rows, team, centers, lloyd.labels, inertia_grid)
            np.testing.assert_allclose(
                inertia_grid.decode(total[:, np.newaxis]), squares.min(axis=1).sum(), rtol=1e-12
            )
            np.testing.assert_allclose(largest, squares.min(axis=1).max(), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_weighted_rows_add_at_most_is_measured(dtype: type) -> None:
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(500, 11)).astype(dtype), 10.0 ** rng.integers(-30, 3, 500)
    shift = X[3]
    grids = grids_for(X, weights, shift)
    off = X.astype(float) - shift
    for kernels in runnable():
        with ThreadTeam(2, kernels=kernels) as team:
            totals = Lloyd(
                partition_of(X, weights, 64),
                2,
                team,
                shift=shift,
                grid=grids.grid,
                weight_grid=grids.weights,
            ).measure(X[:2], grids.squares)
        assert totals.measured is not None
        expected = np.abs(X.astype(float)) * weights[:, np.newaxis], off**2 * weights[:, np.newaxis]
        for found, terms in zip(totals.measured.magnitudes, expected, strict=True):
            np.testing.assert_array_equal(found, terms.max(axis=0))


def test_values_that_are_not_finite_are_noticed() -> None:
    X = np.ones((300, 5), dtype=np.float32)
    X[17, 2], X[200, 2], X[201, 4] = np.nan, np.inf, -np.inf
    shift = np.zeros(5, dtype=np.float32)
    grids = grids_for(np.ones_like(X), None, shift)
    with ThreadTeam(2) as team:
        partition = partition_of(X)
        totals = Lloyd(partition, 2, team, shift=shift, grid=grids.grid).measure(
            X[:2], grids.squares
        )
        assert totals.measured is not None
        assert not totals.measured.finite


def test_the_farthest_rows_come_in_the_order_of_distance_shard_and_row() -> None:
    X = np.zeros((100, 2), dtype=np.float64)
    X[70], X[10], X[30] = (3, 4), (0, 5), (9, 0)
    centers = np.zeros((1, 2))
    grids = grids_for(X, None, centers[0])
    with ThreadTeam(2) as team:
        lloyd = Lloyd(partition_of(X, shard_rows=20), 1, team, shift=centers[0], grid=grids.grid)
        lloyd.step(centers)
        found = lloyd.farthest(centers, 3)
    np.testing.assert_array_equal(found["key"], [-81, -25, -25])
    np.testing.assert_array_equal(found["shard"], [1, 0, 3])
    np.testing.assert_array_equal(found["row"], [10, 10, 10])
    np.testing.assert_array_equal(found["values"], X[[30, 10, 70]])
