"""The contract of a state store.

The store keeps, for one run: a run key that fences every operation, the contributions of the
current round, the last few states, and perhaps the contributions of the rounds since, which lead
from the newest state to the current one. It never computes and nothing in it is ever incremented:
every write is keyed, and the first one wins.

A state is numbered by the round that it starts: the client writes the first one, number 1; the
contributions to round t become state t + 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from burly.contributions import Contribution
from burly.events import Event
from burly.exceptions import RoundTooLargeError
from burly.plurals import count
from burly.states import State


@dataclass(frozen=True, slots=True)
class ContributionMessage:
    """A contribution on its way, with the engine's header.

    ``telemetry`` is for the client alone.
    """

    leg: int
    round: int
    rank: int
    attempt: int
    contribution: Contribution
    telemetry: Sequence[Event] = ()


@dataclass(frozen=True, slots=True)
class StateMessage:
    """A state on its way, with the engine's header.

    ``carried`` names, for arrays that did not change, the round that published them: a matter of
    stores and frames, who see to it that whoever reads a message finds its ``state`` complete. With
    a state, the handle that opened the run gets all telemetry since the last one that it got, and no
    other handle gets any.
    """

    leg: int
    round: int
    state: State
    carried: Mapping[str, int] = field(default_factory=dict)
    telemetry: Sequence[Event] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """The contribution is stored; others are missing."""


@dataclass(frozen=True, slots=True)
class Newer:
    """The round is over already: here is the newest state."""

    message: StateMessage


@dataclass(frozen=True, slots=True)
class Behind:
    """The store lacks the state that this round starts from: publish it again."""


@dataclass(frozen=True, slots=True)
class Complete:
    """The round is complete, and the caller holds the lease to finish it."""

    messages: Sequence[ContributionMessage]


@dataclass(frozen=True, slots=True)
class Gathered:
    """The round is complete and stays in the store: every rank makes its state of it.

    ``state_age_s`` is for whoever completes a round or asks for it again: how long ago the newest
    state was published.
    """

    messages: Sequence[ContributionMessage]
    state_age_s: float = 0.0


Answer = Pending | Newer | Behind | Complete | Gathered
Outcome = StateMessage | Gathered


@dataclass(slots=True)
class Traffic:
    """What this handle has sent and received; ``decode_s`` are seconds spent on reading frames."""

    commands: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    decode_s: float = 0.0


class StateStore(ABC):
    """A handle on one run, for the client or for one rank.

    Every operation raises `burly.exceptions.RunGoneError` if the run key is not there,
    `burly.exceptions.RunAbortedError` if the run was ended, `burly.exceptions.SupersededError` if a
    newer attempt of the rank has joined, and `burly.exceptions.StateStoreUnreachableError` if the
    store stays silent. Only `abort` is quiet where the run is gone or ended, or the attempt is
    superseded, and `clear` always.

    A handle belongs to one thread at a time.
    """

    round_limit_bytes: ClassVar[int | None] = 256_000_000
    """What the frames of one round may weigh together; None: no limit."""

    def __init__(self) -> None:
        self.traffic = Traffic()

    def check_round(self, n_bytes: int, world_size: int) -> None:
        """Refuse a round in which so many workers contribute so many bytes each.

        Raises
        ------
        burly.exceptions.RoundTooLargeError
            With the numbers, if that is more than `round_limit_bytes`.
        """
        limit = self.round_limit_bytes
        if limit is not None and n_bytes * world_size > limit:
            raise RoundTooLargeError(
                f"{count(world_size, 'worker')} with {n_bytes:,} bytes each make a round of "
                f"{n_bytes * world_size:,} bytes; at most {limit:,} are allowed: "
                "use fewer, larger workers, or a smaller model"
            )

    # --- the client ---------------------------------------------------------------------------
    @abstractmethod
    def open(self, first: StateMessage) -> None:
        """Write the run key and the first state; nothing is launched before that."""

    @abstractmethod
    def abort(self, reason: str) -> None:
        """End the run for all: wakes every waiter, and refuses later states for good."""

    @abstractmethod
    def departures(self, timeout_s: float) -> Sequence[tuple[int, Sequence[Event]]]:
        """Wait for ranks to leave; return each (rank, last events) once."""

    @abstractmethod
    def news(self) -> Sequence[Event]:
        """Return, each once, the events that `wait` and `departures` met and no state told; asks nobody."""

    @abstractmethod
    def clear(self) -> None:
        """Remove every key of the run."""

    # --- a rank -------------------------------------------------------------------------------
    @abstractmethod
    def join(self, rank: int, attempt: int, telemetry: Sequence[Event] = ()) -> None:
        """Announce an attempt of a rank, with its first events; supersedes all earlier ones."""

    @abstractmethod
    def contribute(self, message: ContributionMessage) -> Answer:
        """Store a contribution, first write wins, and learn what is next, in one step.

        Whoever completes the round gets the lease to finish it. If the holder of the lease asks
        again (its answer was lost, or a newer attempt took its place), it gets it again. A store may
        hand small rounds to all ranks instead, and keep them: then nobody has to finish them, and a
        rank that is behind gets the rounds that it missed one by one. It does so only where an
        update reads one state alone.
        """

    @abstractmethod
    def remind(self, message: ContributionMessage) -> Answer:
        """Ask as `contribute` does, sending the body only if the store lacks it.

        A waiter whose wait timed out calls this. If the round is complete and the lease of whoever
        should have finished it has lapsed, the caller takes over and the answer is `Complete`.
        """

    @abstractmethod
    def publish(self, message: StateMessage) -> StateMessage:
        """Append a state, first write wins, and drop what nobody needs.

        An array that is the very object of a state that this handle knows to be there need not be
        sent again.

        Returns
        -------
        StateMessage
            The state that won, or a newer one.
        """

    def post(self, message: StateMessage) -> StateMessage:
        """Do as `publish`, without waiting for an answer that is a network away.

        Whoever publishes a round publishes the same bits, so a finisher may go on with its own
        state; should it not have arrived, the next contribution is told that the store is behind.

        Returns
        -------
        StateMessage
            The state that won as far as that is known, else the message.
        """
        return self.publish(message)

    def outcome(self, round: int, timeout_s: float) -> Outcome | None:  # noqa: A002
        """Do as `wait` does, for a rank whose contribution to the round before is `Pending`.

        A store may answer with all contributions as soon as they are there, which saves the round
        trip of the state that will be made of them.
        """
        return self.wait(round, timeout_s)

    def adopt(self, message: StateMessage) -> None:  # noqa: B027  (most stores need not know)
        """Take note of a state that this rank made of a `Gathered` round and does not publish."""

    @abstractmethod
    def leave(self, rank: int, telemetry: Sequence[Event]) -> None:
        """Say that a rank is done, with its last events."""

    # --- both ---------------------------------------------------------------------------------
    @abstractmethod
    def wait(self, round: int, timeout_s: float) -> StateMessage | None:  # noqa: A002
        """Return the newest state at or after a round, or None if there is none in time."""

    @abstractmethod
    def latest(self, count: int) -> Sequence[StateMessage]:
        """Return the last ``count`` states, oldest first, complete."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections; the run is not touched."""
