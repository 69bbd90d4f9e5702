"""The loop of a worker: whatever goes wrong in it ends the run for all."""

import numpy as np
import pytest

from burly.algorithms.kmeans import KMeans
from burly.data.arrays import from_arrays
from burly.exceptions import ConfigurationError, NonFiniteError, RunAbortedError
from burly.state.memory import MemoryRun, MemoryStateStore
from burly.state.reasons import revive
from burly.state.store import StateMessage
from burly.worker import Task, run_worker

DATA = from_arrays(np.zeros((4, 1)))
ALGORITHM = KMeans(1)


class Failing(KMeans):
    """An algorithm that finds fault with the data."""

    def step(self, state, partition, team, scratch):
        raise NonFiniteError("column 'x' has 3 values that are not finite")


def opened(world_size):
    """Return a run and its client."""
    run = MemoryRun(world_size=world_size)
    client = MemoryStateStore(run)
    client.open(StateMessage(leg=0, round=1, state=ALGORITHM.start(DATA.info)))
    return run, client


def task_of(algorithm=ALGORITHM, load=None):
    return Task(
        algorithm,
        n_threads=1,
        load=load or (lambda n_threads: DATA.read(DATA.shards, n_threads)),
        write=None,
        launched_at=0.0,
    )


def test_a_worker_returns_the_last_state_and_says_that_it_is_done():
    run, client = opened(1)
    state = run_worker(task_of(), MemoryStateStore(run), rank=0, world_size=1)
    assert state.done
    assert [rank for rank, _ in client.departures(5.0)] == [0]


def test_an_error_in_a_step_ends_the_run_for_all_and_travels_as_it_is():
    run, client = opened(2)
    with pytest.raises(NonFiniteError):
        run_worker(task_of(Failing(1)), MemoryStateStore(run), rank=0, world_size=2)
    with pytest.raises(RunAbortedError) as told:
        client.wait(2, 5.0)
    assert type(revive(str(told.value))) is NonFiniteError
    assert run_worker(task_of(), MemoryStateStore(run), rank=1, world_size=2) is None


def test_a_superseded_worker_ends_quietly_and_leaves_the_run_to_the_newer_attempt():
    run, client = opened(1)

    def load(n_threads):
        # It takes so long to read that another attempt of its rank is started.
        run_worker(task_of(), MemoryStateStore(run), rank=0, world_size=1, attempt=1)
        return DATA.read(DATA.shards, n_threads)

    assert run_worker(task_of(load=load), MemoryStateStore(run), rank=0, world_size=1) is None
    assert client.wait(1, 5.0).state.done


def test_a_worker_of_a_run_that_is_gone_ends_quietly():
    run, client = opened(1)
    client.clear()
    assert run_worker(task_of(), MemoryStateStore(run), rank=0, world_size=1) is None


def test_kernels_that_cannot_run_here_end_the_run_for_all(monkeypatch):
    monkeypatch.setenv("BURLY_KERNELS", "abacus")
    run, client = opened(2)
    with pytest.raises(ConfigurationError, match="unknown kernels 'abacus'"):
        run_worker(task_of(), MemoryStateStore(run), rank=0, world_size=2)
    with pytest.raises((RunAbortedError, ConfigurationError), match="unknown kernels 'abacus'"):
        client.wait(2, 5.0)
