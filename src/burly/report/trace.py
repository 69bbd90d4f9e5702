"""The timeline of a run in Chrome's trace format, which Perfetto and browsers open.

One process for the run, one thread a worker and one for the states; times in microseconds since the
launch.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from burly.events import RoundDone, StateMade, WorkerStarted
from burly.report.spans import spans

if TYPE_CHECKING:
    from burly.report.history import History

_STATES = 1
"""The thread that shows when states were made. Thread 0 would be the idle one for Perfetto, which
forgets its name."""
_WORKERS = 2
"""Rank r is thread r + 2."""


def trace(run: History) -> str:
    """Return a run as JSON in Chrome's trace format."""
    entries = [*_names(run), *_spans(run), *_states(run), *_waiting(run)]
    lines = ",\n".join(json.dumps(entry, allow_nan=False) for entry in entries)
    return f'{{"displayTimeUnit": "ms",\n"traceEvents": [\n{lines}\n]}}\n'


def _names(run: History) -> list[dict[str, Any]]:
    name = " ".join(part for part in ("burly", run.task, run.launcher) if part)
    named = [("process_name", _STATES, name), ("thread_name", _STATES, "states")]
    hosts = {event.rank: event.host for event in run.events if isinstance(event, WorkerStarted)}
    ranks = [share.rank or 0 for share in run.breakdown()]
    named += [
        ("thread_name", _WORKERS + r, f"worker {r} {hosts.get(r, '')}".rstrip()) for r in ranks
    ]
    entries: list[dict[str, Any]] = [
        {"ph": "M", "name": kind, "pid": 1, "tid": tid, "args": {"name": text}}
        for kind, tid, text in named
    ]
    entries += [
        {"ph": "M", "name": "thread_sort_index", "pid": 1, "tid": tid, "args": {"sort_index": tid}}
        for tid in [_STATES, *(_WORKERS + rank for rank in ranks)]
    ]
    return entries


def _spans(run: History) -> list[dict[str, Any]]:
    entries = []
    for span in spans(run.events):
        said: dict[str, Any] = {"attempt": span.attempt}
        if span.rounds:
            said |= {"phase": span.phase, "round": span.rounds[0]}
        begin_us, end_us = round(span.begin_s * 1e6, 3), round(span.end_s * 1e6, 3)
        entries.append(
            {
                "ph": "X",
                "name": span.share,
                "cat": span.phase or "outside of rounds",
                "pid": 1,
                "tid": _WORKERS + span.rank,
                "ts": begin_us,
                "dur": max(0.0, round(end_us - begin_us, 3)),
                "args": said,
            }
        )
    return entries


def _states(run: History) -> list[dict[str, Any]]:
    origin = run.launched.at if run.launched else 0.0
    return [
        {
            "ph": "i",
            "s": "t",
            "name": f"state {event.round}: {event.phase}",
            "cat": event.phase,
            "pid": 1,
            "tid": _STATES,
            "ts": round((event.at - origin) * 1e6, 3),
            "args": {name: _number(value) for name, value in event.figures.items()},
        }
        for event in run.events
        if isinstance(event, StateMade)
    ]


def _waiting(run: History) -> list[dict[str, Any]]:
    """How much of each round all workers together waited, as a curve."""
    origin = run.launched.at if run.launched else 0.0
    rounds: dict[int, list[RoundDone]] = {}
    for event in run.events:
        if isinstance(event, RoundDone):
            rounds.setdefault(event.round, []).append(event)
    return [
        {
            "ph": "C",
            "name": "waiting, s a round",
            "pid": 1,
            "ts": round((max(event.at for event in done) - origin) * 1e6, 3),
            "args": {"waiting": round(sum(event.wait_s for event in done), 7)},
        }
        for _, done in sorted(rounds.items())
    ]


def _number(value: float) -> float | str:
    return value if abs(value) < float("inf") else str(value)
