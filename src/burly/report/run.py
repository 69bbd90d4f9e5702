"""A recorded run: show it as a table or a page, save and load it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from burly.events import Event
from burly.report.history import History
from burly.report.run_files import from_json, read_text, to_json, write_text

if TYPE_CHECKING:
    from rich.console import RenderableType


class Run(History):
    """What happened in a run, to look at and to keep: an estimator's ``run_``.

    Print it for a table of where the time went, or leave it at the end of a notebook's cell. `report` writes
    it as a page, `save` as JSON that `load` and ``burly report`` read, and `save_trace` as a trace.

    Parameters
    ----------
    settings : mapping of str to object, optional
        What was asked for, fit to be shown: no secrets, no arrays.
    seed : int, optional
        The seed of all draws.
    init : str, optional
        The start that was chosen.
    task : str, default=""
        What was done, such as ``"KMeans.fit"``.
    events : list of Event, optional
        Everything that was seen, in the order of arrival: see `burly.events`.

    Attributes
    ----------
    settings, seed, init, task, events
        As above.
    launcher : str
        What started the workers.
    n_workers, n_rounds : int
    elapsed_s : float
        Seconds from the launch to the end.
    rows_per_s : float
        Rows that all workers together took through a round, for each second of rounds.
    notes : list of str
        What burly did other than was asked, and what else the user should know.
    error : str
        What ended the run; empty if it succeeded.

    Examples
    --------
    >>> from burly import KMeans
    >>> run = KMeans(2, random_state=0).fit([[0.0], [1], [9], [10]]).run_
    >>> run.task, run.n_workers, run.seed
    ('KMeans.fit', 1, 0)
    >>> run.total().n_rows
    4
    """

    # --- to look at -----------------------------------------------------------------------------
    def table(self) -> RenderableType:
        """Return the breakdown as something that rich can print.

        Returns
        -------
        rich.console.RenderableType
            ``str(run)`` is the same as plain text.
        """
        from burly.report.table import BreakdownTable  # noqa: PLC0415  rich only when shown

        return BreakdownTable(self)

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write a page that shows the run: one HTML file that needs no network.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        burly.exceptions.ReportError
            If what draws the charts is not installed (``pip install 'burly[report]'``), the run has
            no events, or the file cannot be written.
        """
        from burly.report.page import page  # noqa: PLC0415  loads a plotting library

        write_text(path, page(self))

    def __str__(self) -> str:
        """Return the table as plain text."""
        from rich.console import Console  # noqa: PLC0415  rich only when shown

        console = Console(file=io.StringIO(), width=120, color_system=None)
        with console.capture() as capture:
            console.print(self.table())
        return capture.get().rstrip("\n")

    def _repr_html_(self) -> str:
        """Return the headline and the breakdown for a notebook, without scripts."""
        from burly.report.notebook import in_notebook  # noqa: PLC0415  only where it is shown

        return in_notebook(self)

    # --- to keep --------------------------------------------------------------------------------
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that is known of the run as JSON; `load` and ``burly report`` read it.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        burly.exceptions.RunFileError
            If it cannot be written.
        """
        write_text(path, self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a run that `save` wrote.

        Parameters
        ----------
        path : str or path

        Returns
        -------
        Run

        Raises
        ------
        burly.exceptions.RunFileError
            If there is none.
        """
        said, events = from_json(read_text(path), str(path))
        return cls(
            settings=said.get("settings") or {},
            seed=said.get("seed"),
            init=said.get("init"),
            task=said.get("task") or "",
            events=events,
        )

    def to_json(self) -> str:
        """Return the run as JSON: settings, and all events with the names of their fields."""
        said = {
            "task": self.task,
            "settings": dict(self.settings),
            "seed": self.seed,
            "init": self.init,
        }
        return to_json(said, self.events)

    def save_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the timeline in Chrome's trace format, which ui.perfetto.dev opens.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        burly.exceptions.ReportError
            If it cannot be written.
        """
        from burly.report.trace import trace  # noqa: PLC0415  only where it is asked for

        write_text(path, trace(self))


def tee(*observers: Callable[[Event], None]) -> Callable[[Event], None]:
    """Return an observer that hands every event to all of these."""

    def observe(event: Event) -> None:
        for observer in observers:
            observer(event)

    return observe
