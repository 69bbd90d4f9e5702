"""Draws and sweeps of seeding: known answers, an oracle, and no bit that depends on what was skipped."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import chisquare, kstest
from tests.kernels.test_lloyd import KINDS, data, partition_of

from burly.kernels import ThreadTeam, runnable
from burly.kernels.seeding import Seeder

# Of the authors of Philox: its test vectors for 4x32 with ten rounds.
ANSWERS = [
    ([0, 0, 0, 0], 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ([2**32 - 1] * 4, 2**64 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        0x299F31D0A4093822,
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize("kernels", runnable())
@pytest.mark.parametrize(("counter", "key", "words"), ANSWERS)
def test_philox_gives_the_known_answers(counter, key, words, kernels):
    with ThreadTeam(1, kernels=kernels) as team:
        found = team.module.philox(key, *counter)
    assert " ".join(f"{word:08x}" for word in found) == words


def shard_draws(n_shards, n, *, exponential, seed=1):
    with ThreadTeam(1) as team:
        out = np.empty((n_shards, n))
        ordinals = np.arange(n_shards, dtype=np.int64)
        team.module.draw_shards(seed, 3, ordinals, exponential, out)
        return out


def test_draws_of_shards_are_uniform_and_exponential_and_not_each_other():
    uniform = shard_draws(200, 30, exponential=False)
    exponential = shard_draws(200, 30, exponential=True)
    assert kstest(uniform.ravel(), "uniform").pvalue > 1e-3
    assert kstest(exponential.ravel(), "expon").pvalue > 1e-3
    assert len(np.unique(uniform)) == uniform.size
    assert abs(np.corrcoef(uniform.ravel(), exponential.ravel())[0, 1]) < 0.05


def sweep_one_by_one(X, seeds, kernels, n_threads, **partition):
    """What every row's nearest seed is after all, and what is left after each."""
    with ThreadTeam(n_threads, kernels=kernels) as team:
        seeder = Seeder(partition_of(X, **partition), team)
        left = [seeder.sweep(seeds[i : i + 1], seeds[:0]).sum() for i in range(len(seeds))]
        return seeder.nearest.tobytes(), seeder.whose.tobytes(), left


def test_many_seeds_at_once_take_no_memory_for_each_pair_of_old_and_new():
    code = (
        "import resource, sys, numpy as np\n"
        "from burly.data.arrays import from_arrays\n"
        "from burly.kernels import ThreadTeam\n"
        "from burly.kernels.seeding import Seeder\n"
        "X = np.random.default_rng(0).random((9000, 1))\n"
        "data = from_arrays(X)\n"
        "with ThreadTeam(1) as team:\n"
        "    seeder = Seeder(data.read(data.shards, 1), team)\n"
        "    seeder.sweep(X[:3000], X[:0])\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "    seeder.sweep(X[3000:], X[:0])\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    grown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(grown.stdout) * unit < 3000 * 6000 * 8 / 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_squares_that_lose_their_digits_hold_no_row_back(dtype):
    # Squares of 1.44, 2.56 and 0.16 times the least number there is become 1, 3 and 0 of it.
    root = np.sqrt(np.finfo(dtype).smallest_subnormal.astype(np.float64))
    X, seeds = np.array([[1.2 * root]], dtype), np.array([[0], [1.6 * root]], dtype)
    with ThreadTeam(1) as team:
        seeder = Seeder(partition_of(X), team)
        for seed in seeds:
            seeder.sweep(seed[np.newaxis], seeds[:0])
        assert (seeder.nearest[0], seeder.whose[0]) == (0, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_a_sweep_passes_over_are_ones_it_would_have_left_alone(kind, dtype):
    X, _ = data(kind)
    X = np.ascontiguousarray(X, dtype=dtype)
    seeds = X[np.random.default_rng(0).choice(len(X), 40, replace=False)]
    with ThreadTeam(1, kernels=runnable()[0]) as team:
        # All at once there is no older seed that could hold a row back.
        seeder = Seeder(partition_of(X), team)
        whole = seeder.sweep(seeds, seeds[:0])
        nearest, whose = seeder.nearest.copy(), seeder.whose.copy()
    squares = ((X[:, np.newaxis].astype(np.float64) - seeds) ** 2).sum(axis=2)
    close = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(nearest, squares.min(axis=1), rtol=close)
    np.testing.assert_allclose(whole.sum(), squares.min(axis=1).sum(), rtol=close)
    for kernels in runnable():
        for n_threads in (1, 2):
            one, its, left = sweep_one_by_one(X, seeds, kernels, n_threads, shard_rows=700)
            assert one == nearest.tobytes(), (kernels, n_threads)
            assert its == whose.tobytes()
            assert left == sorted(left, reverse=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_trials_leave_what_an_oracle_says(dtype, weighted):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(3000, 9)).astype(dtype)
    weights = rng.integers(0, 3, 3000).astype(float) if weighted else None
    seeds, trials = X[:5], X[10:27]
    with ThreadTeam(2) as team:
        seeder = Seeder(partition_of(X, weights), team)
        seeder.sweep(seeds[:4], trials[:0])
        left = seeder.sweep(seeds[4:], trials)
    off = X[:, np.newaxis].astype(np.float64)
    known = ((off - seeds) ** 2).sum(axis=2).min(axis=1)
    after = np.minimum(known[:, np.newaxis], ((off - trials) ** 2).sum(axis=2))
    after *= 1 if weights is None else weights[:, np.newaxis]
    expected = after.reshape(3, 1000, 17).sum(axis=1)
    np.testing.assert_allclose(left, expected, rtol=1e-5 if dtype == np.float32 else 1e-12)


def test_a_row_of_a_shard_is_picked_in_proportion_to_what_a_trial_leaves():
    X = np.arange(1500.0)[:, np.newaxis] / 100  # three blocks of one shard
    groups = np.zeros(15)
    with ThreadTeam(1) as team:
        seeder = Seeder(partition_of(X, shard_rows=1500), team)
        seeder.sweep(X[:1], X[:0])
        left = seeder.sweep(X[:0], X[[1499, 700]])
        for number in range(100):
            found = seeder.draw(left, 20, seed=4, number=number)
            np.testing.assert_array_equal(found["values"], X[found["row"]])
            groups += np.bincount(found["row"][20:] // 100, minlength=15)
    expected = np.minimum(X[:, 0], np.abs(X[:, 0] - 7.0)) ** 2
    expected = expected.reshape(15, 100).sum(axis=1)
    assert chisquare(groups, expected * groups.sum() / expected.sum()).pvalue > 1e-3
