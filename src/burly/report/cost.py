"""What a run cost, by its platform's list prices at the time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from burly.events import (
    Ended,
    Event,
    Launched,
    PartitionLoaded,
    Price,
    RoundDone,
    WorkerFinished,
    WorkerStarted,
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run cost.

    Attributes
    ----------
    usd : float
        For the functions, from when burly's code ran in them to the last that was heard of them.
    usd_with_starting : float
        The same, had the platform also charged all of the time from launch to start; what it
        charges of that, burly cannot see.
    billed_s : float
        Of all functions together, rounded as the platform rounds.
    n_starts : int
    price : Price
    """

    usd: float
    usd_with_starting: float
    billed_s: float
    n_starts: int
    price: Price


def cost(events: Sequence[Event]) -> Cost | None:
    """Return what the functions of a run cost; None where there is no price."""
    price = next((e.price for e in events if isinstance(e, Launched) and e.price), None)
    if price is None:
        return None
    ended = max((event.at for event in events if isinstance(event, Ended)), default=0.0)
    heard = _last_heard(events)
    billed_s = starting_s = 0.0
    started = [event for event in events if isinstance(event, WorkerStarted)]
    for event in started:
        last = heard[event.rank, event.attempt]
        # A worker that was not heard of again after it started may have run to the end.
        until = last if last > event.at else max(last, ended)
        billed_s += _round_up(until - event.at, price.rounding_s)
        starting_s += event.launch_s
    starts = len(started) * price.usd_per_start
    return Cost(
        usd=billed_s * price.usd_per_s + starts,
        usd_with_starting=(billed_s + starting_s) * price.usd_per_s + starts,
        billed_s=billed_s,
        n_starts=len(started),
        price=price,
    )


def _last_heard(events: Iterable[Event]) -> dict[tuple[int, int], float]:
    heard: dict[tuple[int, int], float] = {}
    for event in events:
        if isinstance(event, WorkerStarted | PartitionLoaded | RoundDone | WorkerFinished):
            worker = (event.rank, event.attempt)
            heard[worker] = max(heard.get(worker, event.at), event.at)
    return heard


def _round_up(seconds: float, step_s: float) -> float:
    return math.ceil(round(seconds / step_s, 6)) * step_s if step_s else seconds
