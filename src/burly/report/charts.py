"""The charts of a report, drawn by Vega-Lite in the reader's browser.

Colours are names of the page's own (`page.css`), so that one drawing serves light, dark and paper.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert

from burly.events import RoundDone
from burly.report.breakdown import IN_ROUNDS, SHARES
from burly.report.figures import Rows, figures
from burly.report.spans import MOST_DRAWN, spans
from burly.report.stragglers import others_median

if TYPE_CHECKING:
    from burly.report.history import History

Spec = dict[str, Any]

MOST_ROUNDS = 400
"""Bars, and points of a curve; beyond, neighbouring rounds are shown as one."""
MOST_TICKS = 4000

_AXIS_PX = 64
_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "titlePadding": 8,
    },
    "axisY": {"minExtent": _AXIS_PX},
    "view": {"stroke": "transparent"},
}
_SECONDS = "datum.value === 0 ? '0' : format(datum.value, '~s') + 's'"
"""Axis labels such as 200 ms and 1.5 s."""


def charts(run: History) -> dict[str, Spec]:
    """Return the specification of each chart there is something to draw in, by name."""
    drawn = {"timeline": _timeline(run), "breakdown": _breakdown(run)}
    if run.n_rounds:
        drawn["rounds"] = _rounds(run)
        drawn["paces"] = _paces(run)
    told = figures(run.events)
    drawn |= {f"figure-{name}": _curve(run, name, _thinned(rows)) for name, rows in told.items()}
    return drawn


@cache
def script(snippet: str) -> str:
    """Return Vega in one piece, with a snippet in it that may call ``vegaEmbed``."""
    bundle: str = vl_convert.javascript_bundle(snippet)
    # A script must not hold what would end it.
    return re.sub(r"<(?=/script|!--)", r"\\x3c", bundle, flags=re.IGNORECASE)


def _timeline(run: History) -> Spec:
    rows: Rows = [
        {
            "worker": span.rank,
            "share": span.share,
            "begin": round(span.begin_s, 7),
            "end": round(span.end_s, 7),
            "seconds": round(span.end_s - span.begin_s, 7),
            "phase": span.phase,
            "round": "–".join(str(number) for number in dict.fromkeys(span.rounds)),
        }
        for span in spans(run.events, at_most=MOST_DRAWN)
    ]
    # A plain wheel scrolls the page; a pinch of a touchpad comes as a wheel with Ctrl.
    zoom = alt.selection_interval(
        name="zoom", bind="scales", encodings=["x"], zoom="wheel![event.ctrlKey || event.metaKey]"
    )
    chart = (
        _chart("spans")
        .mark_rect(clip=True)
        .encode(
            x=alt.X("begin:Q", title="since the launch", axis=_seconds_axis(), scale=_plain()),
            x2="end:Q",
            y=_workers(),
            color=_colour(SHARES),
            tooltip=[
                alt.Tooltip("worker:O"),
                alt.Tooltip("share:N", title="what"),
                alt.Tooltip("seconds:Q", title="seconds", format=".4~g"),
                alt.Tooltip("phase:N"),
                alt.Tooltip("round:N"),
                alt.Tooltip("begin:Q", title="from", format=".5~g"),
            ],
        )
        .properties(height=_height(run))
        .add_params(zoom)
    )
    return _spec(chart, "spans", rows)


def _breakdown(run: History) -> Spec:
    rows: Rows = [
        {
            "worker": share.rank,
            "share": name,
            "seconds": round(share.seconds(name), 7),
            "order": SHARES.index(name),
            "part": share.seconds(name) / max(1e-12, sum(map(share.seconds, SHARES))),
        }
        for share in run.breakdown()
        for name in SHARES
        if share.seconds(name) > 0
    ]
    chart = (
        _chart("shares")
        .mark_bar()
        .encode(
            x=alt.X("seconds:Q", title="time of each worker", axis=_seconds_axis()),
            y=_workers(),
            color=_colour(SHARES),
            order="order:Q",
            tooltip=[
                alt.Tooltip("worker:O"),
                alt.Tooltip("share:N", title="what"),
                alt.Tooltip("seconds:Q", format=".4~g"),
                alt.Tooltip("part:Q", title="of its time", format=".1%"),
            ],
        )
        .properties(height=_height(run))
    )
    return _spec(chart, "shares", rows)


def _rounds(run: History) -> Spec:
    """Where the time of each round went, in the mean over its workers."""
    done = [event for event in run.events if isinstance(event, RoundDone)]
    size = math.ceil(max(event.round for event in done) / MOST_ROUNDS)
    binned: dict[int, list[RoundDone]] = {}
    for event in done:
        binned.setdefault((event.round - 1) // size, []).append(event)
    rows: Rows = [
        {
            "first": number * size + 0.5,
            "last": (number + 1) * size + 0.5,
            "round": _range(events),
            "phase": events[0].phase,
            "share": share,
            "order": IN_ROUNDS.index(share),
            "seconds": round(
                sum(getattr(event, f"{share}_s") for event in events) / len(events), 7
            ),
        }
        for number, events in sorted(binned.items())
        for share in IN_ROUNDS
    ]
    chart = (
        _chart("rounds")
        .mark_bar(binSpacing=0)
        .encode(
            x=alt.X("first:Q", title="round", bin="binned", scale=_all(run), axis=_round_axis()),
            x2="last:Q",
            y=alt.Y("seconds:Q", title="mean over the workers", axis=_seconds_axis()).stack("zero"),
            color=_colour(SHARES),
            order="order:Q",
            tooltip=[
                alt.Tooltip("round:N"),
                alt.Tooltip("phase:N"),
                alt.Tooltip("share:N", title="what"),
                alt.Tooltip("seconds:Q", format=".4~g"),
            ],
        )
        .properties(height=180)
    )
    return _spec(chart, "rounds", rows)


def _paces(run: History) -> Spec:
    """One tick a worker and round: by how much it computed longer than the others in the median."""
    done = [event for event in run.events if isinstance(event, RoundDone)]
    computing: dict[int, dict[int, float]] = {}
    for event in done:
        computing.setdefault(event.round, {})[event.rank] = event.compute_s
    usual_s = {number: others_median(times) for number, times in computing.items()}
    every = math.ceil(len(done) / MOST_TICKS)
    rows: Rows = [
        {
            "worker": event.rank,
            "excess": round(event.compute_s - usual_s[event.round][event.rank], 7),
            "seconds": round(event.compute_s, 7),
            "round": event.round,
            "phase": event.phase,
        }
        for event in done
        if event.round % every == 0
    ]
    axis = alt.Axis(labelExpr=_SECONDS.replace("'~s'", "'+~s'"), tickCount=6)
    chart = (
        _chart("paces")
        .mark_tick(thickness=1.5, opacity=0.8, color="var(--compute)")
        .encode(
            x=alt.X("excess:Q", title="longer than the others, in the median", axis=axis),
            y=_workers(),
            tooltip=[
                alt.Tooltip("worker:O"),
                alt.Tooltip("round:Q"),
                alt.Tooltip("phase:N"),
                alt.Tooltip("seconds:Q", title="computing", format=".4~g"),
                alt.Tooltip("excess:Q", title="longer by", format="+.3~g"),
            ],
        )
        .properties(height=_height(run))
    )
    return _spec(chart, "paces", rows)


def _thinned(rows: Rows) -> Rows:
    """Leave out evenly what no screen shows, but neither the first nor the last."""
    every = math.ceil(len(rows) / MOST_ROUNDS)
    return [*rows[:-1:every], rows[-1]]


def _curve(run: History, name: str, rows: Rows) -> Spec:
    values = [row["value"] for row in rows]
    scale = alt.Scale(zero=False)
    if min(values) > 0 and max(values) > 20 * min(values):
        scale = alt.Scale(type="log")
    chart = (
        _chart("states")
        .mark_line(
            color="var(--accent)",
            strokeWidth=1.5,
            point={"color": "var(--accent)", "size": 14} if len(rows) < 100 else False,
        )
        .encode(
            x=alt.X("round:Q", title="round", scale=_all(run), axis=_round_axis()),
            y=alt.Y("value:Q", title=name, scale=scale, axis=alt.Axis(format="~g", tickCount=4)),
            tooltip=[
                alt.Tooltip("round:Q"),
                alt.Tooltip("phase:N"),
                alt.Tooltip("value:Q", title=name, format=".6~g"),
            ],
        )
        .properties(height=160)
    )
    return _spec(chart, "states", rows)


# --- what they share --------------------------------------------------------------------------------
def _chart(data: str) -> alt.Chart:
    return alt.Chart(alt.NamedData(name=data)).properties(width="container")


def _spec(chart: alt.Chart, data: str, rows: Rows) -> Spec:
    spec: Spec = chart.configure(**_CONFIG).to_dict()
    # Put in afterwards: to be checked value by value it would be too long.
    return spec | {"datasets": {data: rows}}


def _workers() -> alt.Y:
    axis = alt.Axis(labelOverlap=True, ticks=False)
    return alt.Y("worker:O", title="worker", axis=axis, scale=alt.Scale(paddingInner=0.12))


def _colour(shares: Sequence[str]) -> alt.Color:
    names = [f"var(--{share})" for share in shares]
    return alt.Color("share:N", scale=alt.Scale(domain=list(shares), range=names), legend=None)


def _seconds_axis() -> alt.Axis:
    return alt.Axis(labelExpr=_SECONDS, tickCount=6)


def _round_axis() -> alt.Axis:
    return alt.Axis(tickMinStep=1, grid=False, format="d")


def _all(run: History) -> alt.Scale:
    """Return an axis of all rounds, so that what stands below each other belongs together."""
    return alt.Scale(domain=[0.5, run.n_rounds + 0.5], nice=False)


def _plain() -> alt.Scale:
    return alt.Scale(zero=False, nice=False)


def _height(run: History) -> int:
    n_workers = max(1, len(run.breakdown()))
    return max(40, min(26 * n_workers, 480))


def _range(events: Iterable[RoundDone]) -> str:
    numbers = sorted({event.round for event in events})
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}–{numbers[-1]}"
