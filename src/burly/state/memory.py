"""A state store for workers that are threads of one process: nothing is encoded or copied."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from burly.events import Event
from burly.exceptions import RunAbortedError, RunGoneError, SupersededError
from burly.state.store import (
    Answer,
    Behind,
    Complete,
    ContributionMessage,
    Newer,
    Pending,
    StateMessage,
    StateStore,
)

T = TypeVar("T")


class MemoryRun:
    """The run itself, shared by the handles of all ranks and of the client."""

    def __init__(self, *, world_size: int, memory: int = 0, lease_s: float = 30.0) -> None:
        self.world_size = world_size
        self.memory = memory
        self.lease_s = lease_s
        self.changed = threading.Condition()
        self.open = False
        self.reason: str | None = None
        self.states: list[StateMessage] = []
        self.attempts: dict[int, int] = {}
        self.contributions: dict[int, ContributionMessage] = {}
        self.lease_until = 0.0
        self.left: list[tuple[int, Sequence[Event]]] = []


class MemoryStateStore(StateStore):
    """A handle on a `MemoryRun`."""

    round_limit_bytes = None

    def __init__(self, run: MemoryRun) -> None:
        super().__init__()
        self._run = run
        self._rank: int | None = None
        self._attempt = 0

    def open(self, first: StateMessage) -> None:
        with self._run.changed:
            self._run.open = True
            self._run.states = [first]

    def abort(self, reason: str) -> None:
        run = self._run
        with run.changed:
            if run.open and run.reason is None:
                run.reason = reason
            run.changed.notify_all()

    def departures(self, timeout_s: float) -> Sequence[tuple[int, Sequence[Event]]]:
        run = self._run
        with run.changed:
            run.changed.wait_for(lambda: bool(run.left), timeout_s)
            left, run.left = run.left, []
            return left

    def clear(self) -> None:
        with self._run.changed:
            self._run.open = False
            self._run.states = []
            self._run.contributions = {}
            self._run.changed.notify_all()

    def join(self, rank: int, attempt: int) -> None:
        with self._run.changed:
            self._check()
            if self._run.attempts.get(rank, -1) > attempt:
                raise SupersededError(f"rank {rank} has a newer attempt than {attempt}")
            self._run.attempts[rank] = attempt
            self._rank, self._attempt = rank, attempt

    def contribute(self, message: ContributionMessage) -> Answer:
        run = self._run
        with run.changed:
            self._check()
            newest = run.states[-1]
            if newest.round > message.round:
                return Newer(newest)
            if newest.round < message.round:
                return Behind()
            run.contributions.setdefault(message.rank, message)
            now = time.monotonic()
            if len(run.contributions) < run.world_size or now < run.lease_until:
                return Pending()
            run.lease_until = now + run.lease_s
            return Complete(list(run.contributions.values()))

    def remind(self, message: ContributionMessage) -> Answer:
        return self.contribute(message)

    def publish(self, message: StateMessage) -> StateMessage:
        run = self._run
        with run.changed:
            self._check()
            if message.round <= run.states[-1].round:
                return run.states[-1]
            run.states = [*run.states[-run.memory :], message] if run.memory else [message]
            run.contributions = {}
            run.lease_until = 0.0
            run.changed.notify_all()
            return message

    def leave(self, rank: int, telemetry: Sequence[Event]) -> None:
        with self._run.changed:
            self._run.left.append((rank, telemetry))
            self._run.changed.notify_all()

    def wait(self, round: int, timeout_s: float) -> StateMessage | None:  # noqa: A002
        run = self._run

        def newer() -> StateMessage | None:
            self._check()
            return run.states[-1] if run.states[-1].round >= round else None

        with run.changed:
            return self._until(newer, timeout_s)

    def latest(self, count: int) -> Sequence[StateMessage]:
        with self._run.changed:
            self._check()
            return self._run.states[-count:]

    def close(self) -> None:
        """Nothing to let go of."""

    def _check(self) -> None:
        run = self._run
        if run.reason is not None:
            raise RunAbortedError(run.reason)
        if not run.open:
            raise RunGoneError("the run is not open: it was finished or cancelled")
        if self._rank is not None and run.attempts[self._rank] != self._attempt:
            raise SupersededError(f"rank {self._rank} has a newer attempt than {self._attempt}")

    def _until(self, ask: Callable[[], T | None], timeout_s: float) -> T | None:
        deadline = time.monotonic() + timeout_s
        while (answer := ask()) is None:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return None
            self._run.changed.wait(remaining)
        return answer
