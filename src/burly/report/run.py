"""What a run leaves to read: its events, and what can be told from them."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from burly.events import Ended, Event, Launched, Noted
from burly.report.breakdown import Breakdown, breakdown, total
from burly.report.cost import Cost, cost
from burly.report.run_files import from_json, read_text, to_json, write_text
from burly.report.units import count

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass
class Run:
    """What happened in a run.

    Parameters
    ----------
    task : str, optional
        What was done, such as ``"KMeans.fit"``.
    settings : mapping of str to object
        What was asked for, fit to be shown: no secrets, no arrays.
    seed : int, optional
        The seed of all draws.
    init : str, optional
        The start that was chosen.

    Attributes
    ----------
    events : list of Event
        Everything that was seen, in the order of arrival.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    init: str | None = None
    task: str = ""
    events: list[Event] = field(default_factory=list)

    def record(self, event: Event) -> None:
        """Keep an event; this is the observer to give to a launcher."""
        self.events.append(event)

    @property
    def notes(self) -> list[str]:
        """What burly did other than was asked, and what else the user should know."""
        return [event.message for event in self.events if isinstance(event, Noted)]

    @property
    def launched(self) -> Launched | None:
        """What was asked of the launcher; None before that."""
        return next(iter(self._of(Launched)), None)

    @property
    def launcher(self) -> str:
        """What started the workers; empty before they were launched."""
        return self.launched.launcher if self.launched else ""

    @property
    def n_workers(self) -> int:
        """How many workers were launched."""
        return max((event.n_workers for event in self._of(Launched)), default=0)

    @property
    def n_rounds(self) -> int:
        """How many rounds were done."""
        return self.total().n_rounds

    @property
    def elapsed_s(self) -> float:
        """Seconds from the first launch to the end, on the client's clock."""
        ended = max((event.at for event in self._of(Ended)), default=None)
        return ended - self.launched.at if self.launched and ended is not None else 0.0

    @property
    def error(self) -> str:
        """What ended the run; empty if it succeeded."""
        return next((event.error for event in self._of(Ended) if event.error), "")

    @property
    def rows_per_s(self) -> float:
        """Rows that all workers together took through a round, for each second of rounds."""
        shares = self.breakdown()
        longest_s = max((share.rounds_s for share in shares), default=0.0)
        return sum(s.n_rows * s.n_rounds for s in shares) / longest_s if longest_s else 0.0

    def breakdown(self) -> list[Breakdown]:
        """Return where the time went, worker by worker, ordered by rank."""
        return breakdown(self.events)

    def total(self) -> Breakdown:
        """Return the sum of all workers; its rounds are counted once."""
        return total(self.breakdown())

    def cost(self) -> Cost | None:
        """Return what the functions cost by their platform's list prices; None without prices."""
        return cost(self.events)

    # --- to look at -----------------------------------------------------------------------------
    def table(self) -> RenderableType:
        """Return the breakdown as something that rich can print."""
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

    def __repr__(self) -> str:
        """Return one line that says how large the run was."""
        ended = f"failed: {self.error}" if self.error else f"{self.elapsed_s:.2f} s"
        workers = count(self.n_workers, "worker")
        return f"<Run: {workers} {self.launcher}, {self.n_rounds} rounds, {ended}>"

    def _repr_html_(self) -> str:
        """Return the headline and the breakdown for a notebook, without scripts."""
        from burly.report.notebook import in_notebook  # noqa: PLC0415  only where it is shown

        return in_notebook(self)

    # --- to keep --------------------------------------------------------------------------------
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that is known of the run as JSON; `load` and ``burly report`` read it.

        Raises
        ------
        burly.exceptions.RunFileError
            If it cannot be written.
        """
        write_text(path, self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a run that `save` wrote.

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

        Raises
        ------
        burly.exceptions.ReportError
            If it cannot be written.
        """
        from burly.report.trace import trace  # noqa: PLC0415  only where it is asked for

        write_text(path, trace(self))

    def _of(self, kind: type[Any]) -> Iterable[Any]:
        return (event for event in self.events if isinstance(event, kind))


def tee(*observers: Callable[[Event], None]) -> Callable[[Event], None]:
    """Return an observer that hands every event to all of these."""

    def observe(event: Event) -> None:
        for observer in observers:
            observer(event)

    return observe
