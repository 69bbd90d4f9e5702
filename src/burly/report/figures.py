"""What the algorithm reports round by round: losses, gradients, movements."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from burly.events import Event, RoundDone, StateMade
from burly.plurals import count

Rows = list[dict[str, Any]]

COUNTERS = {"iteration", "seeds", "candidates"}
"""Figures that say how far a phase is, not how good the model."""


def figures(events: Iterable[Event]) -> dict[str, Rows]:
    """Return, for each figure that was told more than once, its value by round."""
    told: dict[str, Rows] = {}
    states = (event for event in events if isinstance(event, StateMade))
    for event in sorted(states, key=lambda state: state.round):  # workers tell of them in any order
        for name, value in event.figures.items():
            if name not in COUNTERS and math.isfinite(value):
                row = {"round": event.round - 1, "value": value, "phase": event.phase}
                told.setdefault(name, []).append(row)
    return {name: rows for name, rows in told.items() if len(rows) > 1}


def before(events: Iterable[Event], told: Mapping[str, Rows]) -> str:
    """Return a sentence on why curves begin late; empty if all begin in the first round."""
    began = {name: rows[0]["round"] for name, rows in told.items()}
    first = min(began.values(), default=1)
    if first <= 1:
        return ""
    phases = dict.fromkeys(
        event.phase
        for event in sorted(
            (e for e in events if isinstance(e, RoundDone) and e.round < first),
            key=lambda event: event.round,
        )
    )
    of = f" ({', '.join(phases)})" if phases else ""
    curves = "Its curve begins" if len(told) == 1 else "Curves begin"
    return (
        f" {curves} in round {first}: the {count(first - 1, 'round')} before{of} prepared the "
        "start and had no value to tell."
    )
