"""What a run leaves to read: its events, and where the time of its workers went."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from burly.events import (
    Ended,
    Event,
    Launched,
    Noted,
    PartitionLoaded,
    RoundDone,
    WorkerFinished,
    WorkerStarted,
)
from burly.report.units import count

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(slots=True)
class Breakdown:
    """Where the time of one worker went, in seconds, and what it sent and received.

    Attributes
    ----------
    rank : int or None
        None for the total of all workers.
    launch_s : float
        From asking for the worker until it ran.
    load_s : float
        Reading its partition.
    compute_s, contribute_s, wait_s, update_s, receive_s : float
        Shares of its rounds: the step; sending its contribution; waiting for the other workers and
        the store; totals and update, in whoever finished the round; publishing, fetching and
        decoding states.
    finish_s : float
        Writing outputs.
    bytes_sent, bytes_received, commands : int
        To and from the state store, in its rounds.
    n_rows, n_rounds : int
    """

    rank: int | None
    launch_s: float = 0.0
    load_s: float = 0.0
    compute_s: float = 0.0
    contribute_s: float = 0.0
    wait_s: float = 0.0
    update_s: float = 0.0
    receive_s: float = 0.0
    finish_s: float = 0.0
    bytes_sent: int = 0
    bytes_received: int = 0
    commands: int = 0
    n_rows: int = 0
    n_rounds: int = 0

    @property
    def rounds_s(self) -> float:
        """Seconds spent in rounds."""
        return self.compute_s + self.contribute_s + self.wait_s + self.update_s + self.receive_s

    @property
    def waiting(self) -> float:
        """The share of the time in rounds that was spent waiting, from 0 to 1."""
        return self.wait_s / self.rounds_s if self.rounds_s else 0.0


@dataclass
class Run:
    """What happened in a run.

    Parameters
    ----------
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
    events: list[Event] = field(default_factory=list)

    def record(self, event: Event) -> None:
        """Keep an event; this is the observer to give to a launcher."""
        self.events.append(event)

    @property
    def notes(self) -> list[str]:
        """What burly did other than was asked, and what else the user should know."""
        return [event.message for event in self.events if isinstance(event, Noted)]

    @property
    def launcher(self) -> str:
        """What started the workers; empty before they were launched."""
        return next((event.launcher for event in self._of(Launched)), "")

    @property
    def n_workers(self) -> int:
        """How many workers were launched."""
        return max((event.n_workers for event in self._of(Launched)), default=0)

    @property
    def n_rounds(self) -> int:
        """How many rounds were done."""
        return max((share.n_rounds for share in self.breakdown()), default=0)

    @property
    def elapsed_s(self) -> float:
        """Seconds from the first launch to the end, on the client's clock."""
        begun = next((event.at for event in self._of(Launched)), None)
        ended = max((event.at for event in self._of(Ended)), default=None)
        return ended - begun if begun is not None and ended is not None else 0.0

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
        shares: dict[int, Breakdown] = {}
        for event in self.events:
            if isinstance(event, WorkerStarted | PartitionLoaded | RoundDone | WorkerFinished):
                _add_event(shares.setdefault(event.rank, Breakdown(event.rank)), event)
        return [shares[rank] for rank in sorted(shares)]

    def total(self) -> Breakdown:
        """Return the sum of all workers; its rounds are counted once."""
        return _total(self.breakdown())

    def table(self) -> RenderableType:
        """Return the breakdown as something that rich can print."""
        from burly.report.table import BreakdownTable  # noqa: PLC0415  rich only when shown

        return BreakdownTable(self)

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
        """Return the table for a notebook."""
        return f"<pre>{html.escape(str(self))}</pre>"

    def _of(self, kind: type[Any]) -> Iterable[Any]:
        return (event for event in self.events if isinstance(event, kind))


def tee(*observers: Callable[[Event], None]) -> Callable[[Event], None]:
    """Return an observer that hands every event to all of these."""

    def observe(event: Event) -> None:
        for observer in observers:
            observer(event)

    return observe


def _add_event(
    share: Breakdown, event: WorkerStarted | PartitionLoaded | RoundDone | WorkerFinished
) -> None:
    match event:
        case WorkerStarted():
            share.launch_s += event.launch_s
        case PartitionLoaded():
            share.load_s += event.load_s
            share.n_rows = event.n_rows
        case WorkerFinished():
            share.finish_s += event.finish_s
        case RoundDone():
            share.n_rounds += 1
            for name in _ROUND_SHARES:
                setattr(share, name, getattr(share, name) + getattr(event, name))


def _total(shares: Iterable[Breakdown]) -> Breakdown:
    total = Breakdown(None)
    for share in shares:
        for name in _SUMMED:
            setattr(total, name, getattr(total, name) + getattr(share, name))
        total.n_rounds = max(total.n_rounds, share.n_rounds)
    return total


_SUMMED = tuple(f.name for f in fields(Breakdown) if f.name not in {"rank", "n_rounds"})
_ROUND_SHARES = tuple(f.name for f in fields(RoundDone) if f.name in _SUMMED)
