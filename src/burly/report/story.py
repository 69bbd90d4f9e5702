"""What a run amounts to, in a few words and figures: for the page and for notebooks."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from burly.events import Ended, PartitionLoaded, RoundDone, WorkerStarted
from burly.report.stragglers import paces, straggler
from burly.report.units import bytes_text, count, count_text, seconds_text, usd_text

if TYPE_CHECKING:
    from burly.report.run import Run


MUCH = 0.3
"""What takes more of the time than this, rounds apart, is worth a sentence."""
_PASSED = {
    "starting": "before the last worker ran",
    "joining": "before the last worker had the first state",
    "reading": "while workers read their rows",
    "finishing": "while workers wrote their outputs and left",
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


def headline(run: Run) -> str:
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


def stages(run: Run) -> list[Stage]:
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
        ("starting", "launch"),
        ("joining", "receive"),
        ("reading", "load"),
        ("rounds", "compute"),
        ("finishing", "finish"),
    )
    spans = pairwise(borders)
    cut = [Stage(*name, end - begin) for name, (begin, end) in zip(names, spans, strict=True)]
    return [stage for stage in cut if stage.spent_s > 0]


def tiles(run: Run) -> list[Tile]:
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
    shown.append(Tile("Waiting", f"{total.waiting:.0%}", "of the time in rounds, late starts too"))
    return shown


def findings(run: Run) -> list[str]:
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
        found += [*_on_one_round(run), _on_stragglers(run, total.n_rounds)]
    return found


def _on_one_round(run: Run) -> list[str]:
    """Name the round that holds most of the waiting, if one does, and much was waited."""
    waited: dict[int, float] = {}
    last: dict[int, int] = {}
    for event in run.events:
        if isinstance(event, RoundDone):
            waited[event.round] = waited.get(event.round, 0.0) + event.wait_s
            if event.came_last:
                last[event.round] = event.rank
    all_s = sum(waited.values())
    round_ = max(waited, key=lambda number: waited[number])
    if run.total().waiting < MUCH or len(waited) < 3 or waited[round_] < all_s / 2:
        return []
    whom = f", for worker {last[round_]}" if round_ in last else ""
    return [f"{waited[round_] / all_s:.0%} of all waiting was in round {round_}{whom}."]


def _on_stragglers(run: Run, n_rounds: int) -> str:
    pace = straggler(paces(run.events))
    if pace is None:
        return "No single worker held the others up."
    return (
        f"Worker {pace.rank} came last in {pace.n_last} of {count(n_rounds, 'round')}: it computed "
        f"{pace.slowness:.2g} times as long as the others in the median, and they waited "
        f"{seconds_text(pace.waited_s)} for it in all."
    )


def _usual_s(run: Run) -> float:
    """Return the median over the rounds of what a round took the worker that it took longest."""
    longest: dict[int, float] = {}
    for e in run.events:
        if isinstance(e, RoundDone):
            spent = e.compute_s + e.contribute_s + e.wait_s + e.update_s + e.receive_s
            longest[e.round] = max(longest.get(e.round, 0.0), spent)
    return statistics.median(longest.values())


def _is_local(run: Run) -> bool:
    return run.launcher in {"", "in process", "Lithops localhost"}
