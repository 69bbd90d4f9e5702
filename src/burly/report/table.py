"""The breakdown of a run as tables, for rich."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from burly.report.breakdown import SHARES
from burly.report.units import bytes_text, count_text, seconds_text

if TYPE_CHECKING:
    from burly.report.breakdown import Breakdown
    from burly.report.history import History

WIDE = 112
"""Columns of a terminal from which on times and traffic fit in one table."""
SHOWN = 12
"""Workers that get a line of their own."""


class BreakdownTable:
    """Where the time of each worker went, one line a worker and one for all.

    Parameters
    ----------
    run : History
    """

    def __init__(self, run: History) -> None:
        self._run = run

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield one wide table, or two narrow ones, and a line that sums up."""
        shares = self._run.breakdown()
        if not shares:
            yield Text("no worker has reported yet")
            return
        total = self._run.total()
        if options.max_width >= WIDE:
            yield _table(shares, total, times=True, traffic=True)
        else:
            yield Group(
                _table(shares, total, times=True, traffic=False),
                "",
                _table(shares, total, times=False, traffic=True),
            )
        yield Text(_summary(self._run, total))
        for note in self._run.notes:
            yield Text(f"note: {note}", style="yellow")


def _table(shares: Sequence[Breakdown], total: Breakdown, *, times: bool, traffic: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("worker", no_wrap=True)
    names = [
        *(SHARES if times else ()),
        *(("rows", "sent", "received", "commands") if traffic else ()),
    ]
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for share in shares[:SHOWN]:
        table.add_row(str(share.rank), *_cells(share, times=times, traffic=traffic))
    if len(shares) > SHOWN:
        table.add_row(f"+ {len(shares) - SHOWN}", *("…" for _ in names))
    table.add_row("total", *_cells(total, times=times, traffic=traffic), style="bold")
    return table


def _cells(share: Breakdown, *, times: bool, traffic: bool) -> list[str]:
    cells = []
    if times:
        cells += [seconds_text(share.seconds(name)) for name in SHARES]
    if traffic:
        cells += [
            count_text(share.n_rows),
            bytes_text(share.bytes_sent),
            bytes_text(share.bytes_received),
            count_text(share.commands),
        ]
    return cells


def _summary(run: History, total: Breakdown) -> str:
    parts = [f"{run.n_rounds} rounds"]
    if run.elapsed_s:
        parts[0] += f", {seconds_text(run.elapsed_s)} from launch to end"
    if run.rows_per_s:
        parts.append(f"{count_text(round(run.rows_per_s))} rows/s")
    if "solver_chosen" in run.settings:
        parts.append(f"solver {run.settings['solver_chosen']}")
    parts.append(f"{total.waiting:.0%} of rounds spent waiting")
    return "; ".join(parts)
