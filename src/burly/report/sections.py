"""The parts of a page below its head."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from burly.events import WorkerStarted
from burly.plurals import count
from burly.report.breakdown import SHARES, Breakdown
from burly.report.figures import before, figures
from burly.report.markup import chart, escape, pairs, section, table
from burly.report.spans import MOST_DRAWN, spans
from burly.report.stragglers import paces
from burly.report.units import bytes_text, count_text, seconds_text, usd_text

if TYPE_CHECKING:
    from burly.report.history import History


ZOOMS = {"whole": "Whole run", "rounds": "Rounds", "in": "Zoom in", "out": "Zoom out"}


def sections(run: History, drawn: Collection[str]) -> Iterable[str]:
    """Yield the parts of the page, in their order.

    Parameters
    ----------
    run : History
    drawn : collection of str
        The names of the charts that there are.
    """
    buttons = "".join(
        f'<button type="button" data-zoom="{zoom}">{text}</button>' for zoom, text in ZOOMS.items()
    )
    yield section(
        "Timeline",
        "What every worker did, on its own clock." + _drawn_as_one(run),
        f'<div class="buttons" hidden>{buttons}<span>or drag, and pinch or Ctrl + wheel</span></div>'
        + chart("timeline"),
    )
    yield section(
        "Where the time went",
        "Seconds of each worker, by what it did.",
        chart("breakdown") + _times(run),
    )
    if run.n_rounds:
        names = [name.removeprefix("figure-") for name in drawn if name.startswith("figure-")]
        curves = "".join(chart(f"figure-{name}") for name in names)
        about = f"How {' and '.join(names)} changed, and what" if names else "What"
        late = before(run.events, figures(run.events))
        yield section("Round by round", f"{about} each round took.{late}", curves + chart("rounds"))
    if run.n_rounds and run.n_workers > 1:
        yield section(
            "Who kept the others waiting",
            "One tick is one worker in one round: how much longer it computed than the others did in "
            "the median. Ticks far to the right are what they waited for.",
            chart("paces") + _pace_table(run),
        )
    yield section("Bytes and commands", "To and from the state store, in rounds.", _traffic(run))
    yield section("Settings", "", _settings(run))
    if (price := _price(run)) is not None:
        yield section("What the cost is made of", "", price)


def _drawn_as_one(run: History) -> str:
    if len(spans(run.events)) <= MOST_DRAWN:
        return ""
    return " There were so many that neighbouring rounds are drawn as one."


def _times(run: History) -> str:
    rows = [[_who(share), *_seconds(share)] for share in [*run.breakdown(), run.total()]]
    return table(["worker", *SHARES], rows, total=True)


def _seconds(share: Breakdown) -> list[str]:
    return [seconds_text(share.seconds(name)) for name in SHARES]


def _pace_table(run: History) -> str:
    hosts = {event.rank: event for event in run.events if isinstance(event, WorkerStarted)}
    rows = [
        [
            str(pace.rank),
            f"{pace.slowness:.2f}",
            seconds_text(pace.median_s),
            seconds_text(pace.longest_s),
            f"{pace.n_last}",
            seconds_text(pace.waited_s),
            hosts[pace.rank].host if pace.rank in hosts else "",
        ]
        for pace in paces(run.events)
    ]
    names = [
        "worker",
        "computing / others",
        "median round",
        "longest round",
        "came last",
        "others waited",
        "host",
    ]
    return table(names, rows)


def _traffic(run: History) -> str:
    rows = []
    for share in [*run.breakdown(), run.total()]:
        n_workers = 1 if share.rank is not None else max(1, len(run.breakdown()))
        n_rounds = max(1, share.n_rounds * n_workers)
        rows.append(
            [
                _who(share),
                count_text(share.n_rows),
                bytes_text(share.bytes_sent),
                bytes_text(share.bytes_received),
                count_text(share.commands),
                bytes_text((share.bytes_sent + share.bytes_received) / n_rounds),
                f"{share.commands / n_rounds:.2f}",
            ]
        )
    names = ["worker", "rows", "sent", "received", "commands", "bytes a round", "commands a round"]
    return table(names, rows, total=True)


def _settings(run: History) -> str:
    launched = run.launched
    started = [event for event in run.events if isinstance(event, WorkerStarted)]
    named: list[tuple[str, object]] = [("task", run.task), ("seed", run.seed), ("start", run.init)]
    if launched is not None:
        named += [
            ("ran on", launched.launcher),
            ("workers", launched.n_workers),
            ("vCPUs per worker", f"{launched.vcpus:.3g}" if launched.vcpus else None),
            ("memory a worker", f"{launched.memory_mb} MB" if launched.memory_mb else None),
        ]
    named += [
        ("threads a worker", _distinct(event.n_threads for event in started)),
        ("kernels", _distinct(event.kernels for event in started)),
        *((name, "None" if value is None else value) for name, value in run.settings.items()),
    ]
    shown = [(name, value) for name, value in named if value not in (None, "")]
    return pairs(shown)


def _price(run: History) -> str | None:
    cost = run.cost()
    if cost is None:
        return None
    price = cost.price
    rounded = f", each rounded up to {seconds_text(price.rounding_s)}" if price.rounding_s else ""
    starts = (
        f", and {count(cost.n_starts, 'start')} at {usd_text(price.usd_per_start * 1e6)} a million"
        if price.usd_per_start
        else ""
    )
    return (
        f"<p>{seconds_text(cost.billed_s)} of functions{rounded}, at "
        f"{usd_text(price.usd_per_s * 1e6)} for a million seconds of a function of this size"
        f"{starts}: <b>{usd_text(cost.usd)}</b>. Time before burly's code ran is not in it; had all "
        f"of that been charged too, it would be {usd_text(cost.usd_with_starting)}. The store, the "
        "storage and the network are not in it either.</p>"
        f"<p>List prices of {escape(price.platform)}, noted on {escape(price.as_of)} from "
        f'<a href="{escape(price.source)}" rel="noreferrer">{escape(price.source)}</a>.</p>'
    )


def _who(share: Breakdown) -> str:
    return "all" if share.rank is None else str(share.rank)


def _distinct(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in dict.fromkeys(values))
