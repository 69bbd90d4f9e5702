"""A launcher of emulated functions: real burly workers in processes of their own, on vCPUs."""

import pickle
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from burly.events import Ended, Launched
from burly.exceptions import ConfigurationError
from burly.launchers.base import Job, Launcher, Observer, Result
from burly.launchers.function import Order
from burly.launchers.watch import Watch
from burly.state.address import RunAddress
from burly.state.connect import connect
from burly.state.store import StateMessage
from emulation import Vcpus

FUNCTION = Path(__file__).with_name("emulated_function.py")


@dataclass(frozen=True)
class EmulatedFunctions(Launcher):
    """Run each worker as a process whose computing threads have a vCPU each; reads files only.

    Parameters
    ----------
    vcpus : Vcpus
        Those of the machine.
    n_workers : int
    size : int
        vCPUs of each function.
    n_threads : int
        How many of them a worker uses.
    state : str
        URL of a Valkey server.
    """

    vcpus: Vcpus
    n_workers: int
    size: int
    n_threads: int
    state: str

    def run(self, job: Job, observer: Observer) -> Result:
        """See a job through."""
        if job.data.info.in_memory or job.out is not None:
            raise ConfigurationError("emulated functions read files and write no outputs")
        address = RunAddress.new(self.state, world_size=self.n_workers, memory=job.algorithm.memory)
        with ExitStack() as stack:
            store = connect(address)
            stack.callback(store.close)
            store.open(StateMessage(leg=0, round=1, state=job.first))
            stack.callback(store.clear)
            order = Order(
                address=address,
                algorithm=job.algorithm,
                info=job.data.info,
                reader=job.data.reader,
                writer=None,
                n_threads=self.n_threads,
                credentials=None,
                launched_at=time.time(),
            )
            observer(Launched(order.launched_at, self.n_workers, self.n_threads, "emulated"))
            processes = stack.enter_context(_Processes())
            for rank, shards in enumerate(job.data.split(self.n_workers)):
                groups = self.vcpus.of_worker(rank, self.size)
                processes.start((order, rank, shards, groups))
            watch = Watch(
                store, processes, world_size=self.n_workers, observer=observer, start_timeout_s=60.0
            )
            state = watch.until_done(job.first)
            watch.until_left(writing=False)
            observer(Ended(time.time()))
            return Result(state, {})


class _Processes:
    """The functions of a run, as a watch wants to see them."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            try:
                process.wait(5.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, orders: Sequence[object]) -> None:
        process = subprocess.Popen([sys.executable, FUNCTION], stdin=subprocess.PIPE)
        pickle.dump(orders, process.stdin)
        process.stdin.close()
        self._processes.append(process)

    def started(self) -> int:
        return len(self._processes)

    def ended(self) -> Mapping[int, str]:
        return {
            rank: f"it ended with code {process.returncode}"
            for rank, process in enumerate(self._processes)
            if process.poll() is not None
        }
