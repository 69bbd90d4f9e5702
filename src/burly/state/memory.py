"""A state store for workers that are threads of one process: nothing is encoded or copied."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
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
    """The run itself, shared by the handles of all ranks and of the client.

    Parameters
    ----------
    world_size : int
    memory : int, default=0
        m of the algorithm: the last m + 1 states are kept.
    lease_s : float, default=inf
        How long whoever completes a round may take before another rank takes over. A thread does
        not vanish without an exception, which ends the run, so nobody has to take over.
    """

    def __init__(self, *, world_size: int, memory: int = 0, lease_s: float = math.inf) -> None:
        self.world_size = world_size
        self.memory = memory
        self.lease_s = lease_s
        self.changed = threading.Condition()
        self.open = False
        self.reason: str | None = None
        self.states: list[StateMessage] = []
        self.attempts: dict[int, int] = {}
        self.contributions: dict[int, ContributionMessage] = {}
        self.leased_to: int | None = None
        self.lease_until = 0.0
        self.telemetry: list[Event] = []
        self.left: dict[int, Sequence[Event]] = {}


class MemoryStateStore(StateStore):
    """A handle on a `MemoryRun`."""

    round_limit_bytes = None

    def __init__(self, run: MemoryRun) -> None:
        super().__init__()
        self._run = run
        self._rank: int | None = None
        self._attempt = 0
        self._is_client = False
        self._seen_leaving: set[int] = set()

    def open(self, first: StateMessage) -> None:
        with self._run.changed:
            self._is_client = True
            self._run.open = True
            self._run.states = [first]

    def abort(self, reason: str) -> None:
        run = self._run
        with run.changed:
            if run.open and run.reason is None and not self._is_superseded():
                run.reason = reason
                run.contributions = {}
                run.changed.notify_all()

    def departures(self, timeout_s: float) -> Sequence[tuple[int, Sequence[Event]]]:
        run = self._run

        def unseen() -> list[tuple[int, Sequence[Event]]] | None:
            self._check()
            return [item for item in run.left.items() if item[0] not in self._seen_leaving] or None

        with run.changed:
            left = self._until(unseen, timeout_s) or []
            self._seen_leaving.update(rank for rank, _ in left)
            return left

    def news(self) -> Sequence[Event]:
        with self._run.changed:
            events, self._run.telemetry = self._run.telemetry, []
            return events

    def clear(self) -> None:
        run = self._run
        with run.changed:
            run.open = False
            run.states = []
            run.contributions = {}
            run.attempts = {}
            run.telemetry = []
            run.left = {}
            run.changed.notify_all()

    def join(self, rank: int, attempt: int, telemetry: Sequence[Event] = ()) -> None:
        with self._run.changed:
            self._rank, self._attempt = rank, attempt
            self._check()
            self._run.attempts[rank] = attempt
            self._run.telemetry += telemetry

    def contribute(self, message: ContributionMessage) -> Answer:
        run = self._run
        with run.changed:
            self._check()
            run.telemetry += message.telemetry
            newest = run.states[-1]
            if newest.round > message.round:
                return Newer(newest)
            if newest.round < message.round:
                return Behind()
            run.contributions.setdefault(message.rank, message)
            if len(run.contributions) < run.world_size or not self._lease(message.rank):
                return Pending()
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
            run.leased_to = None
            run.changed.notify_all()
            return message

    def leave(self, rank: int, telemetry: Sequence[Event]) -> None:
        with self._run.changed:
            self._check()
            self._run.left.setdefault(rank, telemetry)
            self._run.changed.notify_all()

    def wait(self, round: int, timeout_s: float) -> StateMessage | None:  # noqa: A002
        run = self._run

        def newer() -> StateMessage | None:
            self._check()
            return run.states[-1] if run.states[-1].round >= round else None

        with run.changed:
            message = self._until(newer, timeout_s)
            if message is not None and self._is_client and run.telemetry:
                message = replace(message, telemetry=tuple(run.telemetry))
                run.telemetry = []
            return message

    def latest(self, count: int) -> Sequence[StateMessage]:
        with self._run.changed:
            self._check()
            return self._run.states[-count:]

    def close(self) -> None:
        """Nothing to let go of."""

    def _lease(self, rank: int) -> bool:
        """Take the lease, unless another rank holds it; whoever holds it gets it again."""
        run = self._run
        now = time.monotonic()
        if run.leased_to not in (None, rank) and now < run.lease_until:
            return False
        run.leased_to = rank
        run.lease_until = now + run.lease_s
        return True

    def _check(self) -> None:
        run = self._run
        if not run.open:
            raise RunGoneError("the run is not open: it was finished or cancelled")
        if run.reason is not None:
            raise RunAbortedError(run.reason)
        if self._is_superseded():
            raise SupersededError(
                f"attempt {self._attempt} of rank {self._rank} was superseded by attempt "
                f"{run.attempts[self._rank or 0]}"
            )

    def _is_superseded(self) -> bool:
        return self._rank is not None and self._run.attempts.get(self._rank, -1) > self._attempt

    def _until(self, ask: Callable[[], T | None], timeout_s: float) -> T | None:
        deadline = time.monotonic() + timeout_s
        while (answer := ask()) is None:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return None
            self._run.changed.wait(remaining)
        return answer
