"""A run as one HTML file: text and tables are plain HTML, and the charts draw themselves.

Nothing in the page is loaded from anywhere, and its own policy forbids it to: the only script that
runs is the one in it, named by its digest.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from importlib import metadata, resources
from string import Template
from typing import TYPE_CHECKING, Any

from burly.exceptions import ReportError
from burly.report.breakdown import SHARES
from burly.report.markup import escape, tile
from burly.report.sections import sections
from burly.report.story import findings, headline, stages, tiles
from burly.report.units import seconds_text

if TYPE_CHECKING:
    from burly.report.history import History

MEANING = {
    "launch": "from asking for the worker until it ran",
    "load": "reading its rows",
    "compute": "the step of a round, on all threads",
    "contribute": "sending what it found",
    "wait": "for the other workers and the store",
    "update": "totals and the next state",
    "receive": "publishing, fetching and decoding states",
    "finish": "writing outputs",
}
"""What the shares of a worker's time are, for the legend."""


def page(run: History) -> str:
    """Return a run as the text of an HTML file.

    Raises
    ------
    burly.exceptions.ReportError
        If the run was never launched, or what draws the charts is not installed.
    """
    if run.launched is None:
        raise ReportError(
            "there is nothing to report: the run was never launched (a loaded model has no events; "
            "save the run beside it with model.run_.save)"
        )
    (specs, script), total = _drawn(run), run.total()
    return Template(_text("page.html")).substitute(
        policy=f"default-src 'none'; script-src '{_digest(script)}'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'",
        title=escape(headline(run)),
        style=_text("page.css"),
        when=escape(_when(run)),
        error=f'<p class="error">{escape(run.error)}</p>' if run.error else "",
        tiles="".join(tile(each.name, each.value, each.hint) for each in tiles(run)),
        stages=_stages(run),
        findings="".join(f"<p>{escape(sentence)}</p>" for sentence in findings(run)),
        notes="".join(f'<p class="note">{escape(note)}</p>' for note in run.notes),
        legend="".join(_legend(share) for share in SHARES if total.seconds(share) > 0),
        sections="".join(sections(run, specs)),
        charts=json.dumps(specs, separators=(",", ":")).replace("<", "\\u003c"),
        script=script,
        footer=f"burly {escape(metadata.version('burly'))} · this file needs no network",
    )


def _stages(run: History) -> str:
    """Return the whole time of a run as a bar of its stages, drawn by style alone."""
    cut = stages(run)
    whole_s = sum(stage.spent_s for stage in cut)
    parts = "".join(
        f'<i style="--share: var(--{s.share}); flex-grow: {s.spent_s / whole_s:.6f}"></i>'
        for s in cut
    )
    key = "".join(
        f'<li style="--share: var(--{s.share})">{escape(s.name)} <b>{seconds_text(s.spent_s)}</b></li>'
        for s in cut
    )
    return f'<div class="stages" aria-hidden="true">{parts}</div><ul class="key">{key}</ul>'


def _legend(share: str) -> str:
    return f'<li style="--share: var(--{share})"><b>{share}</b> {escape(MEANING[share])}</li>'


def _when(run: History) -> str:
    at = run.launched.at if run.launched else 0.0
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


# --- scripts ----------------------------------------------------------------------------------------
def _drawn(run: History) -> tuple[dict[str, Any], str]:
    """Return the charts, and the script that draws them."""
    try:
        from burly.report import charts  # noqa: PLC0415  not everybody has what it needs
    except ImportError as error:
        raise ReportError(
            f"a report needs what draws its charts ({error}): pip install 'burly[report]', or in a "
            "clone pip install -e '.[report]'"
        ) from error
    return charts.charts(run), charts.script(_text("page.js"))


def _digest(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _text(name: str) -> str:
    return resources.files("burly.report").joinpath(name).read_text("utf-8")
