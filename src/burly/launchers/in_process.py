"""Workers that are threads of this process, with a state store in memory: the same loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from numbers import Integral

import numpy as np

from burly import vcpus
from burly.data.partition import Partition
from burly.events import Ended, Launched, Noted
from burly.exceptions import RunAbortedError, describe
from burly.launchers.base import Job, Launcher, Observer, Result, plain_number
from burly.state.memory import MemoryRun, MemoryStateStore
from burly.state.store import StateMessage
from burly.states import State
from burly.worker import Outputs, Task, run_worker


@dataclass(frozen=True)
class InProcess(Launcher):
    """Run the workers as threads of this process.

    Parameters
    ----------
    n_workers : int, default=1
        One worker with all cores is the fastest; more are there to see that nothing changes.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If ``n_workers`` is no whole number from 1.
    """

    n_workers: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_workers", plain_number("n_workers", self.n_workers, Integral))

    def run(self, job: Job, observer: Observer) -> Result:
        """See a job through in this process."""
        writer = None if job.out is None else job.data.writer(job.out)
        if writer is not None:
            writer.prepare()
        parts = job.data.split(self.n_workers)
        n_threads = job.n_threads or max(1, vcpus.available() // len(parts))
        launched_at = time.time()
        for note in job.data.notes_for(self.n_workers):
            observer(Noted(launched_at, note))
        observer(Launched(launched_at, len(parts), n_threads, "in process"))
        run = MemoryRun(world_size=len(parts), memory=job.algorithm.memory)
        client = MemoryStateStore(run)
        client.open(StateMessage(leg=0, round=1, state=job.first))
        gathered: list[Outputs] = [{} for _ in parts]
        # With every launcher alike, outputs of stored data are written or left, never returned.
        returned = job.data.info.in_memory

        def start(rank: int) -> State | None:
            task = Task(
                algorithm=job.algorithm,
                n_threads=n_threads,
                load=partial(job.data.read, parts[rank]),
                write=writer or (partial(_keep, gathered[rank]) if returned else None),
                launched_at=launched_at,
            )
            return run_worker(
                task,
                MemoryStateStore(run),
                rank=rank,
                world_size=len(parts),
                observer=observer,
            )

        try:
            with nullcontext() if writer is None else writer.removed_if_failed():
                state = _run_all(start, len(parts))
                if writer is not None:
                    writer.finish()
        except BaseException as error:
            observer(Ended(time.time(), describe(error)))
            raise
        observer(Ended(time.time()))
        return Result(state, _join(gathered))


def _run_all(start: Callable[[int], State | None], n_workers: int) -> State:
    """Run rank 0 in this thread, and others beside it; the first real error is the run's."""
    with ThreadPoolExecutor(max(1, n_workers - 1), thread_name_prefix="burly-rank") as others:
        futures = [others.submit(start, rank) for rank in range(1, n_workers)]
        state = start(0)
    for future in futures:
        state = future.result() or state
    if state is None:
        raise RunAbortedError("the run ended without a state")
    return state


def _keep(kept: Outputs, partition: Partition, outputs: Outputs) -> int:  # noqa: ARG001
    kept.update(outputs)
    return 0


def _join(gathered: Sequence[Outputs]) -> Outputs:
    if len(gathered) == 1:
        return gathered[0]
    return {name: np.concatenate([kept[name] for kept in gathered]) for name in gathered[0]}
