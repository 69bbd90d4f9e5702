"""The loop of a worker: whatever goes wrong in it ends the run for all."""

import numpy as np
import pytest

from burly.algorithms.kmeans import KMeans
from burly.data.arrays import from_arrays
from burly.exceptions import ConfigurationError, RunAbortedError
from burly.state.memory import MemoryRun, MemoryStateStore
from burly.state.store import StateMessage
from burly.worker import Task, run_worker


def test_kernels_that_cannot_run_here_end_the_run_for_all(monkeypatch):
    monkeypatch.setenv("BURLY_KERNELS", "abacus")
    data = from_arrays(np.zeros((4, 1)))
    algorithm = KMeans(1)
    run = MemoryRun(world_size=2)
    client = MemoryStateStore(run)
    client.open(StateMessage(leg=0, round=1, state=algorithm.start(data.info)))
    task = Task(
        algorithm,
        n_threads=1,
        load=lambda n_threads: data.read(data.shards, n_threads),
        write=None,
        launched_at=0.0,
    )
    with pytest.raises(ConfigurationError, match="unknown kernels 'abacus'"):
        run_worker(task, MemoryStateStore(run), rank=0, world_size=2)
    with pytest.raises((RunAbortedError, ConfigurationError), match="unknown kernels 'abacus'"):
        client.wait(2, 5.0)
