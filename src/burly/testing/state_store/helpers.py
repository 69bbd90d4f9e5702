"""Small messages, and ways to wait for what has to come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from burly.contributions import Part, Reducer
from burly.events import Event
from burly.exceptions import BurlyError
from burly.state.store import ContributionMessage, StateMessage, StateStore
from burly.states import State

PATIENCE_S = 20.0
"""How long a test waits for what has to come."""

Operation = Callable[[StateStore], object]

OPERATIONS: dict[str, Operation] = {
    "join": lambda store: store.join(0, 0),
    "contribute": lambda store: store.contribute(contribution(0)),
    "remind": lambda store: store.remind(contribution(0)),
    "publish": lambda store: store.publish(state(2)),
    "wait": lambda store: store.wait(2, 0.01),
    "latest": lambda store: store.latest(1),
    "leave": lambda store: store.leave(0, ()),
    "departures": lambda store: store.departures(0.01),
}


def contribution(
    rank: int,
    value: int = 0,
    *,
    round: int = 1,  # noqa: A002
    attempt: int = 0,
    length: int = 10_000,
    telemetry: Sequence[Event] = (),
) -> ContributionMessage:
    """Return a contribution, by default too large for a round that is handed to all ranks."""
    part = Part(Reducer.SUM, np.full(length, value, dtype=np.int64))
    return ContributionMessage(0, round, rank, attempt, {"x": part}, telemetry)


def state(round: int, value: float = 0.0, **arrays: Any) -> StateMessage:  # noqa: A002
    """Return a small state."""
    return StateMessage(0, round, State("phase", {"x": np.full(3, value), **arrays}))


def later(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Run a function in a thread of its own."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(function(*arguments))
        except BurlyError as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def until(ask: Callable[[], Any], wanted: type) -> Any:
    """Ask until the answer is of a type."""
    deadline = time.monotonic() + PATIENCE_S
    while not isinstance(answer := ask(), wanted):
        assert time.monotonic() < deadline, f"waited for {wanted.__name__}, got {answer}"
    return answer


def eventually(ask: Callable[[], bool]) -> None:
    """Ask until the answer is yes."""
    deadline = time.monotonic() + PATIENCE_S
    while not ask():
        assert time.monotonic() < deadline


def values(answer: Any) -> dict[int, int]:
    """Return what each rank contributed."""
    return {message.rank: int(message.contribution["x"].array[0]) for message in answer.messages}


def collect_departures(client: StateStore, count: int) -> list[tuple[int, Sequence[Event]]]:
    """Return departures until there are enough."""
    seen: list[tuple[int, Sequence[Event]]] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(seen) < count and time.monotonic() < deadline:
        seen += client.departures(1.0)
    return seen
