"""What happened in a run, when, and how much: plain values that reports read.

Times are seconds. ``at`` is the wall clock of whoever saw the event (seconds since the epoch);
durations come from a monotonic clock. Events travel inside the frames that are sent anyway, so
watching a run costs no command of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Price:
    """What a platform asked for a function when the run was launched.

    Attributes
    ----------
    platform : str
    usd_per_s : float
        For one function of the size that was launched.
    usd_per_start : float
    rounding_s : float
        A function's time is rounded up to a multiple of this; 0: it is not.
    source : str
        The page that says so.
    as_of : str
        The day of the figures.
    """

    platform: str
    usd_per_s: float
    usd_per_start: float
    rounding_s: float
    source: str
    as_of: str


@dataclass(frozen=True, slots=True)
class Launched:
    """The client asked a launcher for workers.

    ``memory_mb`` is 0 and ``price`` None where the launcher knows of none.
    """

    at: float
    n_workers: int
    vcpus: float
    launcher: str
    memory_mb: int = 0
    price: Price | None = None


@dataclass(frozen=True, slots=True)
class WorkerStarted:
    """A worker runs; ``launch_s`` is the time since the client asked for it."""

    at: float
    rank: int
    attempt: int
    n_threads: int
    launch_s: float
    host: str
    kernels: str


@dataclass(frozen=True, slots=True)
class PartitionLoaded:
    """A worker holds its rows."""

    at: float
    rank: int
    attempt: int
    load_s: float
    n_rows: int
    n_shards: int
    n_bytes: int


@dataclass(frozen=True, slots=True)
class RoundDone:
    """One worker's share of one round.

    ``wait_s`` is spent for the other workers and the store, ``update_s`` by the worker that
    finished the round, and by all where the round is small. ``figures`` are the algorithm's own (rows
    that were skipped, for example).
    """

    at: float
    rank: int
    attempt: int
    round: int
    phase: str
    compute_s: float
    contribute_s: float
    wait_s: float
    update_s: float
    receive_s: float
    bytes_sent: int
    bytes_received: int
    commands: int
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def came_last(self) -> bool:
        """Whether this worker completed the round: it waited for nobody."""
        return self.update_s > 0 and self.wait_s == 0


@dataclass(frozen=True, slots=True)
class StateMade:
    """A state was made, which starts a round; told by the worker that came last in the round before.

    ``figures`` are the algorithm's own (shift, inertia, gradient).
    """

    at: float
    round: int
    phase: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkerFinished:
    """A worker wrote its outputs and left."""

    at: float
    rank: int
    attempt: int
    finish_s: float
    n_bytes: int


@dataclass(frozen=True, slots=True)
class Noted:
    """burly did something other than was asked, or something the user should know."""

    at: float
    message: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over; ``error`` is empty when it succeeded."""

    at: float
    error: str = ""


Event = (
    Launched
    | WorkerStarted
    | PartitionLoaded
    | RoundDone
    | StateMade
    | WorkerFinished
    | Noted
    | Ended
)
