"""Looking back at a run."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from burly.cli.targets import check_targets
from burly.report.run import Run


def report(path: Path, out: Path | None, trace: Path | None) -> None:
    """Write the page of a run file, and its trace if one is wanted."""
    run = Run.load(path)
    page = path.with_suffix(".html") if out is None else out
    check_targets([page, trace], [path])
    console = Console(highlight=False, soft_wrap=True)
    run.report(page)
    console.print(f"report written to {page}")
    if trace is not None:
        run.save_trace(trace)
        console.print(f"trace written to {trace}")
