"""Which workers the others waited for.

Whoever contributes last completes a round, and computes its totals without having waited: that is read
from the events without comparing the clocks of different machines.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from burly.events import Event, RoundDone


@dataclass(frozen=True, slots=True)
class Pace:
    """How one worker kept pace.

    Attributes
    ----------
    rank : int
    slowness : float
        Its time of computing, by the median of the others': with two workers, by the other's.
    median_s, longest_s : float
        Of computing, a round.
    n_last : int
        Rounds in which it came last.
    waited_s : float
        What the other workers waited in these rounds, together; the store's share included.
    """

    rank: int
    slowness: float
    median_s: float
    longest_s: float
    n_last: int
    waited_s: float


def paces(events: Iterable[Event]) -> list[Pace]:
    """Return how each worker kept pace, ordered by rank."""
    done = [event for event in events if isinstance(event, RoundDone)]
    computing: dict[int, list[float]] = {}
    waited: dict[int, float] = {}
    last: dict[int, int] = {}
    for event in done:
        computing.setdefault(event.rank, []).append(event.compute_s)
        waited[event.round] = waited.get(event.round, 0.0) + event.wait_s
        if event.came_last:
            last[event.round] = event.rank
    usual_s = others_median({rank: sum(times) for rank, times in computing.items()})
    return [
        Pace(
            rank=rank,
            slowness=sum(times) / usual_s[rank] if usual_s[rank] else 1.0,
            median_s=statistics.median(times),
            longest_s=max(times),
            n_last=sum(who == rank for who in last.values()),
            waited_s=sum(waited[round_] for round_, who in last.items() if who == rank),
        )
        for rank, times in sorted(computing.items())
    ]


def others_median(times: Mapping[int, float]) -> dict[int, float]:
    """Return, for each worker, the median time of all others; its own if there are none."""
    return {
        rank: statistics.median([other for who, other in times.items() if who != rank] or [own])
        for rank, own in times.items()
    }


def straggler(paces: list[Pace]) -> Pace | None:
    """Return the worker that slowed the others down, if one did.

    It is slower, comes last often, and no other worker kept the others waiting for longer.
    """
    n_rounds = sum(pace.n_last for pace in paces)
    slowest = max(paces, key=lambda pace: pace.n_last, default=None)
    if slowest is None or len(paces) < 2 or slowest.slowness < SLOW:
        return None
    is_dearest = slowest.waited_s >= max(pace.waited_s for pace in paces)
    return slowest if slowest.n_last > OFTEN * n_rounds and is_dearest else None


SLOW = 1.1
"""By so much a worker's computing has to exceed that of the others before it is blamed."""
OFTEN = 0.5
"""And in more than this share of the rounds it has to come last."""
