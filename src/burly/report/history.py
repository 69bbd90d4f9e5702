"""The events of a run, and the figures that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from burly.events import Ended, Event, Launched, Noted
from burly.plurals import count
from burly.report.breakdown import Breakdown, breakdown, total
from burly.report.cost import Cost, cost


@dataclass
class History:
    """What happened in a run, and what can be told from it.

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

    def __repr__(self) -> str:
        """Return one line that says how large the run was."""
        ended = f"failed: {self.error}" if self.error else f"{self.elapsed_s:.2f} s"
        workers = count(self.n_workers, "worker")
        return f"<Run: {workers} {self.launcher}, {self.n_rounds} rounds, {ended}>"

    def _of(self, kind: type[Any]) -> Iterable[Any]:
        return (event for event in self.events if isinstance(event, kind))
