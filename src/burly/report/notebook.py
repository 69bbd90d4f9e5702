"""A run in a notebook: a sentence, a bar of the whole time, the figures, and a table; no scripts."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from burly.report.breakdown import SHARES
from burly.report.story import findings, headline, stages, tiles
from burly.report.units import bytes_text, count_text, seconds_text

if TYPE_CHECKING:
    from burly.report.breakdown import Breakdown
    from burly.report.history import History

MOST_WORKERS = 16
"""Workers that get a line of their own."""

_COLOURS = {
    "launch": "#70757b",
    "receive": "#f1b52b",
    "load": "#5cc0b0",
    "compute": "#4f80d0",
    "finish": "#a4abb3",
}
_CELL = "padding: 2px 8px; text-align: right; white-space: nowrap"


def in_notebook(run: History) -> str:
    """Return a run as a piece of HTML that takes its colours of text from what is around it."""
    if run.launched is None:
        return f"<p>{html.escape(repr(run))}</p>"
    told = [run.error, *findings(run), *(f"note: {note}" for note in run.notes)]
    said = "".join(f"<div>{html.escape(text)}</div>" for text in told if text)
    figures = " · ".join(f"{html.escape(f'{t.name.lower()} {t.value}')}" for t in tiles(run)[1:])
    return (
        f'<div class="burly-run"><div style="font-size: 1.2em; font-weight: 600">'
        f"{html.escape(headline(run))}</div><div>{figures}</div>{_bar(run)}{said}{_table(run)}</div>"
    )


def _bar(run: History) -> str:
    whole_s = sum(stage.spent_s for stage in stages(run))
    parts = "".join(
        f'<div style="flex: {stage.spent_s / whole_s:.6f} 0 0; border-top: 8px solid '
        f'{_COLOURS[stage.share]}; overflow: hidden; white-space: nowrap; text-overflow: ellipsis" '
        f'title="{stage.name}: {seconds_text(stage.spent_s)}">'
        f"{stage.name} {seconds_text(stage.spent_s)}</div>"
        for stage in stages(run)
    )
    return f'<div style="display: flex; gap: 2px; max-width: 50em; margin: 6px 0">{parts}</div>'


def _table(run: History) -> str:
    shares = run.breakdown()
    head = ["worker", *SHARES, "rows", "sent", "received", "commands"]
    rows = [_row(str(share.rank), share) for share in shares[:MOST_WORKERS]]
    if len(shares) > MOST_WORKERS:
        rows.append([f"+ {len(shares) - MOST_WORKERS}", *["…"] * (len(head) - 1)])
    rows.append(_row("all", run.total()))
    lines = "".join("<tr>" + "".join(_cell("td", cell) for cell in row) + "</tr>" for row in rows)
    names = "".join(_cell("th", name) for name in head)
    return f'<table style="margin-top: 6px"><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>'


def _row(who: str, share: Breakdown) -> list[str]:
    return [
        who,
        *(seconds_text(share.seconds(name)) for name in SHARES),
        count_text(share.n_rows),
        bytes_text(share.bytes_sent),
        bytes_text(share.bytes_received),
        count_text(share.commands),
    ]


def _cell(tag: str, text: str) -> str:
    return f'<{tag} style="{_CELL}">{html.escape(text)}</{tag}>'
