"""The loop that every worker runs, in process and in a function alike."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from burly import kernels
from burly.algorithms.base import Algorithm
from burly.data.partition import Partition
from burly.events import Event, PartitionLoaded, WorkerFinished, WorkerStarted
from burly.exceptions import (
    RunAbortedError,
    RunGoneError,
    StateStoreError,
    SupersededError,
)
from burly.kernels import ThreadTeam
from burly.rounds import Rounds
from burly.state.reasons import packed
from burly.state.store import StateStore
from burly.states import State

Outputs = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Task:
    """What one worker has to do.

    Attributes
    ----------
    algorithm : Algorithm
    n_threads : int
    load : callable
        Takes the number of threads and returns the partition of this rank.
    write : callable or None
        Takes the partition and the outputs, puts them where they belong, returns the bytes written.
        None where nobody wants outputs: then they are not computed.
    launched_at : float
        When the client asked for this worker, in seconds since the epoch.
    make_team : callable
        Takes the number of threads and returns the team: where its threads have to be bound or
        counted, that is done here.
    """

    algorithm: Algorithm
    n_threads: int
    load: Callable[[int], Partition]
    write: Callable[[Partition, Outputs], int] | None
    launched_at: float
    make_team: Callable[[int], ThreadTeam] = ThreadTeam


def run_worker(
    task: Task,
    store: StateStore,
    *,
    rank: int,
    world_size: int,
    attempt: int = 0,
    observer: Callable[[Event], None] | None = None,
) -> State | None:
    """Take part in a run until it is done; an error here ends the run for all.

    Returns
    -------
    State or None
        The last state; None if the run ended without this worker.
    """
    rounds = Rounds(
        store,
        rank=rank,
        world_size=world_size,
        memory=task.algorithm.memory,
        attempt=attempt,
        observer=observer,
    )
    try:
        rounds.record(_started(task, rank, attempt))
        return _work(task, rounds, rank, attempt)
    except (RunAbortedError, RunGoneError, SupersededError):
        return None
    except BaseException as error:
        with suppress(StateStoreError):  # the error that ended this worker is what counts
            store.abort(packed(error))
        raise


def _work(task: Task, rounds: Rounds, rank: int, attempt: int) -> State:
    algorithm = task.algorithm
    with task.make_team(task.n_threads) as team:
        state = rounds.receive()
        partition = _load(task, rounds, rank, attempt)
        scratch = algorithm.scratch(partition, team)
        while not state.done:
            step = algorithm.step(state, partition, team, scratch)
            state = rounds.exchange(step, algorithm.update)
        begun = time.perf_counter()
        n_bytes = 0
        if task.write is not None:
            n_bytes = task.write(partition, algorithm.outputs(state, partition, team, scratch))
    finish_s = time.perf_counter() - begun
    rounds.record(WorkerFinished(time.time(), rank, attempt, finish_s, n_bytes))
    rounds.leave()
    return state


def _load(task: Task, rounds: Rounds, rank: int, attempt: int) -> Partition:
    begun = time.perf_counter()
    partition = task.load(task.n_threads)
    rounds.record(
        PartitionLoaded(
            at=time.time(),
            rank=rank,
            attempt=attempt,
            load_s=time.perf_counter() - begun,
            n_rows=partition.n_rows,
            n_shards=len(partition.shards),
            n_bytes=partition.n_bytes,
        )
    )
    rounds.ready()
    return partition


def _started(task: Task, rank: int, attempt: int) -> WorkerStarted:
    now = time.time()
    return WorkerStarted(
        at=now,
        rank=rank,
        attempt=attempt,
        n_threads=task.n_threads,
        launch_s=max(0.0, now - task.launched_at),
        host=f"{platform.node()}:{os.getpid()}",
        kernels=kernels.name(),
    )
