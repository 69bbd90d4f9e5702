"""A run on a line of time: what each worker did, from when to when."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from burly.events import Event, Launched, PartitionLoaded, RoundDone, WorkerFinished, WorkerStarted
from burly.report.breakdown import IN_ROUNDS

MOST_DRAWN = 6000
"""Rectangles that a browser zooms without stutter."""


@dataclass(frozen=True, slots=True)
class Span:
    """What one worker did for a while.

    Attributes
    ----------
    rank, attempt : int
    share : str
        One of `burly.report.breakdown.SHARES`.
    begin_s, end_s : float
        Since the launch, on the worker's own clock.
    phase : str
        The algorithm's; empty outside of rounds.
    rounds : tuple of int
        The first and the last round that it belongs to; empty outside of rounds.
    """

    rank: int
    attempt: int
    share: str
    begin_s: float
    end_s: float
    phase: str = ""
    rounds: tuple[int, ...] = ()


def spans(events: Iterable[Event], *, at_most: int | None = None) -> list[Span]:
    """Return what workers did, in the order of the events.

    Parameters
    ----------
    events : iterable of Event
    at_most : int, optional
        Where there would be more, neighbouring rounds of one phase are shown as one.
    """
    events = list(events)
    origin = next((event.at for event in events if isinstance(event, Launched)), 0.0)
    done = [event for event in events if isinstance(event, RoundDone)]
    found = [span for event in events if (span := _outside(event, origin))]
    size = 1
    if at_most is not None:
        size = max(1, math.ceil(len(done) * len(IN_ROUNDS) / max(1, at_most - len(found))))
    for group in _groups(done, size):
        found += _in_rounds(group, origin)
    return found


def _outside(event: Event, origin: float) -> Span | None:
    match event:
        case WorkerStarted():
            share, spent_s = "launch", event.launch_s
        case PartitionLoaded():
            share, spent_s = "load", event.load_s
        case WorkerFinished():
            share, spent_s = "finish", event.finish_s
        case _:
            return None
    ended_s = event.at - origin
    return Span(event.rank, event.attempt, share, ended_s - spent_s, ended_s)


def _in_rounds(group: Sequence[RoundDone], origin: float) -> list[Span]:
    """Lay the shares of some rounds one after another, so that they end when the rounds did."""
    last = group[-1]
    rounds = (group[0].round, last.round)
    spent = [(share, sum(getattr(e, f"{share}_s") for e in group)) for share in IN_ROUNDS]
    at_s = last.at - origin - sum(seconds for _, seconds in spent)
    laid = []
    for share, seconds in spent:
        if seconds > 0:
            laid.append(
                Span(last.rank, last.attempt, share, at_s, at_s + seconds, last.phase, rounds)
            )
        at_s += seconds
    return laid


def _groups(done: Iterable[RoundDone], size: int) -> list[list[RoundDone]]:
    """Put rounds together that follow each other in one worker and one phase."""
    open_: dict[tuple[int, int], list[RoundDone]] = {}
    groups = []
    for event in done:
        group = open_.get((event.rank, event.attempt))
        if group is None or len(group) == size or group[-1].phase != event.phase:
            group = open_[event.rank, event.attempt] = []
            groups.append(group)
        group.append(event)
    return groups
