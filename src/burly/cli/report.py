"""Looking back at a run."""

from __future__ import annotations

from pathlib import Path

from burly.cli.lines import say
from burly.cli.targets import check_targets
from burly.report.run import Run


def report(path: Path, out: Path | None, trace: Path | None) -> None:
    """Write the page of a run file, and its trace if one is wanted."""
    run = Run.load(path)
    page = path.with_suffix(".html") if out is None else out
    check_targets([page, trace], [path])
    run.report(page)
    say(f"report written to {page}")
    if trace is not None:
        run.save_trace(trace)
        say(f"trace written to {trace}")
