"""The client's view of a run: it follows the states, and judges when a run is over.

The end of a run is seen on the stream of states, as by every worker. Whether functions live is read
from what their platform says anyway: looking costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from burly.events import Event, StateMade
from burly.exceptions import RunAbortedError, StartTimeoutError, WorkerDiedError
from burly.state.reasons import revive
from burly.state.store import StateMessage, StateStore
from burly.states import State

GLANCE_S = 0.2
"""How long the client waits for a state before it looks after the functions."""
PACE_S = 0.02
"""The client looks at most this often at the states, so as not to take time from local workers."""
DEPARTURE_S = 10.0
"""How long ranks that have nothing to write may take to leave after the last state."""


class Gang(Protocol):
    """The functions of a run, as their platform sees them; nothing here waits for a network."""

    def started(self) -> int:
        """Return how many have started."""

    def ended(self) -> Mapping[int, str]:
        """Return the ranks whose function has ended, and why; nothing where it says nothing."""


class Watch:
    """Follows one run.

    Parameters
    ----------
    store : StateStore
        A handle that belongs to the client.
    gang : Gang
    world_size : int
    observer : callable
        Takes every event, each once.
    start_timeout_s : float
    """

    def __init__(
        self,
        store: StateStore,
        gang: Gang,
        *,
        world_size: int,
        observer: Callable[[Event], None],
        start_timeout_s: float,
    ) -> None:
        self._store = store
        self._gang = gang
        self._world_size = world_size
        self._observer = observer
        self._start_by = time.monotonic() + start_timeout_s
        self._start_timeout_s = start_timeout_s
        self._seen: set[tuple[object, ...]] = set()
        self._left: set[int] = set()
        self._all_started = False

    def until_done(self, first: State) -> State:
        """Follow the states until the last one; the first may be that.

        Raises
        ------
        burly.exceptions.StartTimeoutError
            If functions are missing after ``start_timeout_s``.
        burly.exceptions.WorkerDiedError
            If a function ended before its work was done.
        burly.exceptions.BurlyError
            The error with which a worker ended the run.
        """
        newest, state = 1, first
        while not state.done:
            message = self._ask(newest + 1)
            if message is None:
                self._report(self._store.news())
                self._check_alive()
                self._check_started()
                continue
            self._all_started = True
            newest, state = message.round, message.state
            # Whoever made this state tells of it in its next message, which may be long in coming.
            seen = StateMade(time.time(), newest, state.phase, state.figures)
            self._report([*message.telemetry, seen])
            if not state.done:
                time.sleep(PACE_S)
        return state

    def until_left(self, *, writing: bool) -> None:
        """Wait until all ranks have left or their functions have ended.

        Parameters
        ----------
        writing : bool
            Whether ranks have outputs to write, which may take its time; a rank that ends without
            having left is an error then. Otherwise nothing is lost with it.
        """
        deadline = time.monotonic() + DEPARTURE_S
        while len(self._left) < self._world_size:
            self._check_started()
            if writing:
                self._check_alive()
            elif time.monotonic() > deadline or not self._missing():
                # Whoever has ended may have left before anybody looked.
                self._collect_departures(0.0)
                return
            self._collect_departures(GLANCE_S)

    def _ask(self, round_: int) -> StateMessage | None:
        with _as_told():
            return self._store.wait(round_, GLANCE_S)

    def _check_alive(self) -> None:
        """Raise if a function has ended whose rank has not left."""
        if not set(self._gang.ended()) - self._left:
            return
        # A rank leaves before its function ends: what left until now is known after this.
        ended = self._gang.ended()
        self._collect_departures(0.0)
        dead = sorted(set(ended) - self._left)
        if not dead:
            return
        # If a worker ended the run with an error, that is what there is to tell.
        message = self._ask(1)
        self._report(self._store.news() if message is None else message.telemetry)
        rank = dead[0]
        others = f" (and {len(dead) - 1} more)" if len(dead) > 1 else ""
        raise WorkerDiedError(
            f"the function of rank {rank}{others} of {self._world_size} ended before its work was "
            f"done: {ended[rank] or 'it did not say why'}"
        )

    def _check_started(self) -> None:
        if self._all_started:
            return
        started = self._gang.started()
        self._all_started = started >= self._world_size
        if not self._all_started and time.monotonic() > self._start_by:
            raise StartTimeoutError(
                f"{started} of {self._world_size} functions started within "
                f"{self._start_timeout_s:g} s, and all have to run at the same time: ask for "
                "fewer workers (n_workers), raise the platform's limit of functions at once, or "
                "give them more time (start_timeout)"
            )

    def _missing(self) -> set[int]:
        return set(range(self._world_size)) - self._left - set(self._gang.ended())

    def _collect_departures(self, timeout_s: float) -> None:
        with _as_told():
            departures = self._store.departures(timeout_s)
        self._report(self._store.news())
        for rank, telemetry in departures:
            self._left.add(rank)
            self._report(telemetry)

    def _report(self, telemetry: Iterable[Event]) -> None:
        """Hand on events; a worker that leaves tells again what the client may have missed."""
        for event in telemetry:
            key = (
                type(event),
                getattr(event, "rank", None),
                getattr(event, "attempt", None),
                getattr(event, "round", None),
                getattr(event, "message", None),
            )
            if key not in self._seen:
                self._seen.add(key)
                self._observer(event)


@contextmanager
def _as_told() -> Iterator[None]:
    """Raise what ended the run as the error that it was where it happened."""
    try:
        yield
    except RunAbortedError as error:
        raise revive(str(error)) from None
