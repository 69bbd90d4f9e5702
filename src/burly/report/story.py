"""The summary of a run, in a few words and figures: for the page and for notebooks."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from burly.events import Ended, PartitionLoaded, RoundDone, StateMade, WorkerStarted
from burly.report.stragglers import paces, straggler
from burly.report.units import bytes_text, count_text, seconds_text, usd_text

if TYPE_CHECKING:
    from burly.report.history import History


MUCH = 0.3
"""What takes more of the time than this, rounds apart, is worth a sentence."""
QUALITIES = {
    "inertia": "squared distances to the centres",
    "loss": "mean over the rows, with the penalty",
}
"""What an algorithm may tell of its last model, in a few words."""
_PASSED = {
    "launch": "before the last worker ran",
    "join": "before the last worker had the first state",
    "load": "while workers read their rows",
    "finish": "while workers wrote their outputs and left",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the whole time of a run, on the client's clock.

    Attributes
    ----------
    name : str
    share : str
        The share of a worker's time whose colour it takes.
    spent_s : float
    """

    name: str
    share: str
    spent_s: float


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure, what it is, and a few words on it."""

    name: str
    value: str
    hint: str


def headline(run: History) -> str:
    """Return one sentence: what was done, on how much, and how long it took."""
    rows = run.total().n_rows
    what = run.task or "A run"
    on = f" on {count_text(rows)} rows" if rows else ""
    if run.error:
        after = f" after {seconds_text(run.elapsed_s)}" if run.elapsed_s else ""
        return f"{what}{on} failed{after}"
    if not run.elapsed_s:
        return f"{what}{on}, not finished"
    return f"{what}{on} took {seconds_text(run.elapsed_s)}"


def stages(run: History) -> list[Stage]:
    """Cut the time from launch to end where the last worker had started, read its data, and so on."""
    if run.launched is None:
        return []
    reads = [e.at - e.load_s for e in run.events if isinstance(e, PartitionLoaded)]
    moments = (
        [e.at for e in run.events if isinstance(e, WorkerStarted)],
        reads,
        [e.at for e in run.events if isinstance(e, PartitionLoaded)],
        [e.at for e in run.events if isinstance(e, RoundDone)],
        [e.at for e in run.events if isinstance(e, Ended)],
    )
    borders = [run.launched.at]
    for at in moments:
        borders.append(max([borders[-1], *at]))
    names = (
        ("launch", "launch"),
        ("join", "receive"),
        ("load", "load"),
        ("rounds", "compute"),
        ("finish", "finish"),
    )
    spans = pairwise(borders)
    cut = [Stage(*name, end - begin) for name, (begin, end) in zip(names, spans, strict=True)]
    return [stage for stage in cut if stage.spent_s > 0]


def tiles(run: History) -> list[Tile]:
    """Return the figures that a reader wants first."""
    total, launched, cost = run.total(), run.launched, run.cost()
    shown = [Tile("Time", seconds_text(run.elapsed_s), "from launch to end")]
    if cost is not None:
        shown.append(Tile("Cost", usd_text(cost.usd), f"{cost.price.platform}, list price"))
    else:
        why = "this machine has no price" if _is_local(run) else "no price is known"
        shown.append(Tile("Cost", "–", why))
    n_bytes = sum(e.n_bytes for e in run.events if isinstance(e, PartitionLoaded))
    rows = f"{bytes_text(n_bytes)} in memory" if n_bytes else "none were read"
    shown.append(Tile("Rows", count_text(total.n_rows), rows))
    vcpus = f" × {launched.vcpus:.3g}" if launched and launched.vcpus else ""
    hint = "workers × vCPUs" if vcpus else "workers"
    shown.append(Tile("Workers", f"{run.n_workers}{vcpus}", hint))
    each = f"{seconds_text(_usual_s(run))} in the median" if total.n_rounds else "none was done"
    shown.append(Tile("Rounds", count_text(total.n_rounds), each))
    shown += _quality(run)
    shown.append(Tile("Waiting", f"{total.waiting:.0%}", "of the time in rounds, late starts too"))
    return shown


def _quality(run: History) -> list[Tile]:
    """Return how good the model is by the last that was told of it, if that was told."""
    states = [event for event in run.events if isinstance(event, StateMade)]
    told = max(states, key=lambda state: state.round).figures if states else {}
    return [
        Tile(name.capitalize(), f"{told[name]:,.6g}", hint)
        for name, hint in QUALITIES.items()
        if name in told
    ]


def findings(run: History) -> list[str]:
    """Return what is worth knowing, in sentences."""
    total = run.total()
    found = [
        f"{stage.spent_s / run.elapsed_s:.0%} of the time, {seconds_text(stage.spent_s)}, passed "
        f"{_PASSED[stage.name]}."
        for stage in stages(run)
        if stage.name in _PASSED and stage.spent_s > MUCH * run.elapsed_s > 0
    ]
    if total.rounds_s:
        computing = total.compute_s / total.rounds_s
        moving = (total.contribute_s + total.receive_s) / total.rounds_s
        updating = total.update_s / total.rounds_s
        found.append(
            f"In rounds, workers computed {computing:.0%} of the time, waited {total.waiting:.0%}, sent "
            f"and received {moving:.0%}, and updated the state for {updating:.0%}."
        )
    if run.n_workers > 1 and total.n_rounds:
        found += _on_waiting(run)
    return found


def _on_waiting(run: History) -> list[str]:
    """Say for whom was waited: in the round that holds most of it, if one does, and in the others."""
    done = [event for event in run.events if isinstance(event, RoundDone)]
    round_ = _costly_round(done)
    if round_ is None or run.total().waiting < MUCH:
        return [f"{_on_stragglers(done, '')}."]
    all_s = sum(event.wait_s for event in done)
    within = [event for event in done if event.round == round_]
    share = sum(event.wait_s for event in within) / all_s
    whom = next((f", for worker {event.rank}" for event in within if event.came_last), "")
    others = [event for event in done if event.round != round_]
    return [
        f"{share:.0%} of all waiting was in round {round_} ({within[0].phase}){whom}.",
        f"{_on_stragglers(others, 'other ')} in the other rounds."
        if straggler(paces(others)) is None
        else f"{_on_stragglers(others, 'other ')}.",
    ]


def _costly_round(done: list[RoundDone]) -> int | None:
    """Return the round that holds at least half of the waiting; None if none does, or there are few."""
    waited: dict[int, float] = {}
    for event in done:
        waited[event.round] = waited.get(event.round, 0.0) + event.wait_s
    round_ = max(waited, key=lambda number: waited[number])
    return round_ if len(waited) >= 3 and waited[round_] >= sum(waited.values()) / 2 > 0 else None


def _on_stragglers(done: list[RoundDone], which: str) -> str:
    pace = straggler(paces(done))
    if pace is None:
        return "No single worker held the others up"
    n_rounds = len({event.round for event in done})
    return (
        f"Worker {pace.rank} came last in {pace.n_last} of {n_rounds} {which}rounds: it computed "
        f"{pace.slowness:.2g} times as long as the others in the median, and they waited "
        f"{seconds_text(pace.waited_s)} for it in all"
    )


def _usual_s(run: History) -> float:
    """Return the median over the rounds of what a round took the worker that it took longest."""
    longest: dict[int, float] = {}
    for e in run.events:
        if isinstance(e, RoundDone):
            spent = e.compute_s + e.contribute_s + e.wait_s + e.update_s + e.receive_s
            longest[e.round] = max(longest.get(e.round, 0.0), spent)
    return statistics.median(longest.values())


def _is_local(run: History) -> bool:
    return run.launcher in {"", "in process", "Lithops localhost"}
