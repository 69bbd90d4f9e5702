"""A run while it goes on: a live display in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TextIO

from burly.events import (
    Ended,
    Event,
    Launched,
    Noted,
    PartitionLoaded,
    RoundDone,
    StateMade,
    WorkerStarted,
)
from burly.plurals import count
from burly.report.units import count_text, seconds_text

if TYPE_CHECKING:
    from rich.text import Text

    from burly.report.history import History

LINE_S = 1.0
"""Seconds between plain lines about one phase."""
REFRESH_HZ = 8


@dataclass
class Standing:
    """Where a run stands, as far as its events tell.

    Attributes
    ----------
    n_workers, n_started, n_loaded, n_rows : int
    phase : str
    round : int
    shift : float or None
        What the algorithm says of how far the model moved.
    """

    launcher: str = ""
    n_workers: int = 0
    n_started: int = 0
    n_loaded: int = 0
    n_rows: int = 0
    phase: str = ""
    round: int = 0
    shift: float | None = None
    done: bool = False
    _rows: dict[int, int] = field(default_factory=dict)
    _rounds_s: float = 0.0
    _wait_s: float = 0.0
    _rows_done: int = 0

    def take(self, event: Event) -> None:
        """Learn from an event."""
        match event:
            case Launched():
                self.launcher, self.n_workers = event.launcher, event.n_workers
            case WorkerStarted():
                self.n_started += 1
            case PartitionLoaded():
                self.n_loaded += 1
                self.n_rows += event.n_rows
                self._rows[event.rank] = event.n_rows
            case RoundDone():
                self._add(event)
            case StateMade() if event.round > self.round:  # workers tell of them in any order
                self.phase, self.round = event.phase, event.round
                self.shift = event.figures.get("shift")
            case Ended():
                self.done = True

    @property
    def rows_per_s(self) -> float:
        """Rows through rounds, of all workers, for each second of rounds."""
        longest_s = self._rounds_s / max(1, len(self._rows))
        return self._rows_done / longest_s if longest_s else 0.0

    @property
    def waiting(self) -> float:
        """The share of the time in rounds that was spent waiting."""
        return self._wait_s / self._rounds_s if self._rounds_s else 0.0

    def _add(self, event: RoundDone) -> None:
        spent = (event.compute_s, event.contribute_s, event.wait_s, event.update_s, event.receive_s)
        self._rounds_s += sum(spent)
        self._wait_s += event.wait_s
        self._rows_done += self._rows.get(event.rank, 0)

    def parts(self) -> list[str]:
        """Return what there is to say, most important first."""
        if not self.phase:
            if not self.n_workers:
                return ["preparing"]
            workers = count(self.n_workers, "worker")
            if self.n_started >= self.n_workers:
                return [self.launcher, f"{workers} reading the data"]
            return [self.launcher, f"{self.n_started} of {workers} started"]
        said = [self.phase, f"round {self.round}"]
        if self.shift is not None:
            said.append(f"shift {self.shift:.3g}")
        if self.rows_per_s:
            said.append(f"{count_text(round(self.rows_per_s))} rows/s")
            said.append(f"{self.waiting:.0%} waiting")
        return said


class _Show(Protocol):
    def __call__(self, event: Event) -> None: ...

    def say(self, text: str) -> None: ...

    def close(self) -> None: ...


@contextmanager
def progress(run: History, *, stream: TextIO | None = None) -> Iterator[Callable[[Event], None]]:
    """Show a run while it goes on; yields the observer to give to a launcher.

    Parameters
    ----------
    run : History
        What it was asked for stands in the first line.
    stream : file, optional
        By default standard error, so that results can be piped.
    """
    stream = sys.stderr if stream is None else stream
    show: _Show = _Live(stream) if stream.isatty() else _Lines(stream)
    if run.seed is not None:
        show.say(f"seed {run.seed}, start {run.init}")
    try:
        yield show
    finally:
        show.close()


class _Lines:
    """One line for what is new, and from time to time one about the rounds."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._standing = Standing()
        self._begun = time.monotonic()
        self._said_phases: set[str] = set()
        self._said_at = 0.0

    def __call__(self, event: Event) -> None:
        standing = self._standing
        standing.take(event)
        match event:
            case Launched():
                self.say(f"{standing.launcher}: launching {count(standing.n_workers, 'worker')}")
            case Noted():
                self.say(f"note: {event.message}")
            case StateMade():
                due = time.monotonic() - self._said_at >= LINE_S
                if standing.phase not in self._said_phases or due:
                    self._said_phases.add(standing.phase)
                    self._said_at = time.monotonic()
                    self.say(", ".join(standing.parts()))
            case Ended():
                self.say("failed" if event.error else "done")  # the error tells why

    def say(self, text: str) -> None:
        elapsed_s = time.monotonic() - self._begun
        self._stream.write(f"[{elapsed_s:6.2f} s] {text}\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing to close."""


class _Live:
    """One line that changes, under whatever else is said."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console  # noqa: PLC0415  only where there is a terminal
        from rich.live import Live  # noqa: PLC0415

        self._lock = threading.Lock()
        self._standing = Standing()
        self._begun = time.monotonic()
        self._live = Live(
            console=Console(file=stream),
            get_renderable=self._line,
            refresh_per_second=REFRESH_HZ,
            transient=True,
        )
        self._live.start()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._standing.take(event)
        match event:
            case Noted():
                self.say(f"note: {event.message}")

    def say(self, text: str) -> None:
        self._live.console.print(text, markup=False, emoji=False, highlight=False)

    def close(self) -> None:
        self._live.stop()

    def _line(self) -> Text:
        from rich.text import Text  # noqa: PLC0415

        with self._lock:
            parts = [*self._standing.parts(), seconds_text(time.monotonic() - self._begun)]
        line = Text("  ".join(parts), no_wrap=True, overflow="ellipsis")
        line.stylize("bold cyan", 0, len(parts[0]))
        return line
