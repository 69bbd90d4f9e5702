"""Where the time of each worker went, and what it sent and received."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from burly.events import Event, PartitionLoaded, RoundDone, WorkerFinished, WorkerStarted

SHARES = ("launch", "load", "compute", "contribute", "wait", "update", "receive", "finish")
"""The parts of a worker's time, in the order in which they come."""
IN_ROUNDS = ("compute", "contribute", "wait", "update", "receive")


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
        the store; totals and update, in whoever finished the round, or in all where it is small;
        publishing, fetching and decoding states.
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

    def seconds(self, share: str) -> float:
        """Return one of `SHARES`."""
        value: float = getattr(self, f"{share}_s")
        return value

    @property
    def rounds_s(self) -> float:
        """Seconds spent in rounds."""
        return sum(self.seconds(share) for share in IN_ROUNDS)

    @property
    def waiting(self) -> float:
        """The share of the time in rounds that was spent waiting, from 0 to 1."""
        return self.wait_s / self.rounds_s if self.rounds_s else 0.0


def breakdown(events: Iterable[Event]) -> list[Breakdown]:
    """Return where the time went, worker by worker, ordered by rank."""
    shares: dict[int, Breakdown] = {}
    for event in events:
        if isinstance(event, WorkerStarted | PartitionLoaded | RoundDone | WorkerFinished):
            _add(shares.setdefault(event.rank, Breakdown(event.rank)), event)
    return [shares[rank] for rank in sorted(shares)]


def total(shares: Iterable[Breakdown]) -> Breakdown:
    """Return the sum of all workers; its rounds are counted once."""
    summed = Breakdown(None)
    for share in shares:
        for name in _SUMMED:
            setattr(summed, name, getattr(summed, name) + getattr(share, name))
        summed.n_rounds = max(summed.n_rounds, share.n_rounds)
    return summed


def _add(
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
            for name in _OF_ROUNDS:
                setattr(share, name, getattr(share, name) + getattr(event, name))


_SUMMED = tuple(f.name for f in fields(Breakdown) if f.name not in {"rank", "n_rounds"})
_OF_ROUNDS = tuple(f.name for f in fields(RoundDone) if f.name in _SUMMED)
