"""A rank's view of the rounds: contribute, finish if it falls to us, publish, receive.

Whoever completes a round finishes it: it totals the contributions, runs the pure `update` and
publishes the state that all receive. Nobody coordinates, and whatever is done twice has the same
result and counts once. On a store that is a network away this is two round trips: the last
contribution, and the state that wakes the others.

A store may hand a small round to all ranks. Then each makes the state itself, which is one round
trip, and states are published now and then: the newest one and the rounds since are the checkpoint.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from burly.contributions import Contribution, Step, Totals, total
from burly.events import Event, RoundDone, StateMade
from burly.state.store import (
    Answer,
    Behind,
    Complete,
    ContributionMessage,
    Gathered,
    Newer,
    StateMessage,
    StateStore,
)
from burly.states import State

Update = Callable[[Sequence[State], Totals], State]

TELL_S = 0.1
"""Events wait so long for company: telling each at once would be a good part of a short round."""

PUBLISH_S = 0.01
"""Where all ranks make the state themselves, one is published if the newest is older than this."""


class Rounds:
    """The rounds of one run, as one rank sees them.

    Parameters
    ----------
    store : StateStore
    rank, world_size : int
    memory : int
        m of the algorithm: update reads the last m + 1 states.
    attempt, leg : int
        Which start of this rank this is, and which part of the run.
    wait_s : float
        How long one wait may take before the store is asked what it knows.
    observer : callable, optional
        Takes every event at once. Without one, events travel with a contribution, `TELL_S` apart.
    """

    def __init__(
        self,
        store: StateStore,
        *,
        rank: int,
        world_size: int,
        memory: int = 0,
        attempt: int = 0,
        leg: int = 0,
        wait_s: float = 5.0,
        observer: Callable[[Event], None] | None = None,
    ) -> None:
        self._store = store
        self._rank = rank
        self._world_size = world_size
        self._attempt = attempt
        self._leg = leg
        self._wait_s = wait_s
        self._messages: deque[StateMessage] = deque(maxlen=memory + 1)
        self._outbox: list[Event] = []
        self.record: Callable[[Event], None] = observer or self._outbox.append
        self._ready_at = self._told_at = time.perf_counter()

    @property
    def round(self) -> int:
        """The number of the round that the current state starts."""
        return self._messages[-1].round

    def ready(self) -> None:
        """Start the clock of the first step: what came before it was not computing."""
        self._ready_at = time.perf_counter()

    def receive(self) -> State:
        """Join the run and return its newest state."""
        self._store.join(self._rank, self._attempt, self._drain())
        self._catch_up()
        return self._messages[-1].state

    def exchange(self, step: Step, update: Update) -> State:
        """Contribute a step to the current round and return the next state.

        Raises
        ------
        burly.exceptions.RoundTooLargeError
            If the frames of this round would together exceed what the store carries.
        burly.exceptions.StateStoreError
            As the store's operations raise.
        """
        clock = _Clock(self._store, started=self._ready_at)
        current = self._messages[-1]
        self._check_size(step.contribution)
        message = ContributionMessage(
            leg=self._leg,
            round=current.round,
            rank=self._rank,
            attempt=self._attempt,
            contribution=step.contribution,
            telemetry=self._due(),
        )
        answer = self._store.contribute(message)
        clock.lap("contribute")
        newest = self._newest(answer, update, clock)
        while newest is None:
            # Nothing in time: somebody may have died, or the store may have lost what it had.
            answer = self._store.remind(message)
            clock.lap("contribute")
            newest = self._newest(answer, update, clock)
        self._accept(newest)
        clock.lap("receive")
        self.record(clock.event(self._rank, self._attempt, current, step.figures))
        self._ready_at = time.perf_counter()
        return self._messages[-1].state

    def leave(self) -> None:
        """Say that this rank is done."""
        self._store.leave(self._rank, self._drain())

    def _newest(self, answer: Answer, update: Update, clock: _Clock) -> StateMessage | None:
        """Return the next state or a newer one, whatever it takes; None: not in time."""
        match answer:
            case Complete(messages):
                return self._finish(messages, update, clock, publish=True)
            case Gathered(messages, state_age_s):
                return self._finish(messages, update, clock, publish=state_age_s >= PUBLISH_S)
            case Newer(newest):
                return newest
            case Behind():
                self._heal()
                return None
        outcome = self._store.outcome(self.round + 1, self._wait_s)
        clock.lap("wait")
        if isinstance(outcome, Gathered):
            return self._follow(outcome.messages, update, clock)
        return outcome

    def _heal(self) -> None:
        """Publish again what the store has lost."""
        for message in self._messages:
            self._store.publish(message)

    def _finish(
        self,
        messages: Sequence[ContributionMessage],
        update: Update,
        clock: _Clock,
        *,
        publish: bool,
    ) -> StateMessage:
        """Make the next state, tell of it, and publish it if that is due."""
        following = self._follow(messages, update, clock, publish=publish)
        state = following.state
        self.record(StateMade(time.time(), following.round, state.phase, state.figures))
        return following

    def _follow(
        self,
        messages: Sequence[ContributionMessage],
        update: Update,
        clock: _Clock,
        *,
        publish: bool = False,
    ) -> StateMessage:
        """Make the next state of the contributions of all ranks."""
        totals = total([message.contribution for message in messages])
        state = update([message.state for message in self._messages], totals)
        following = StateMessage(self._leg, self.round + 1, state)
        clock.lap("update")
        if state.done:
            # There will be no next contribution that would tell of a loss.
            following = self._store.publish(following)
        elif publish:
            following = self._store.post(following)
        else:
            self._store.adopt(following)
        clock.lap("receive")
        return following

    def _accept(self, newest: StateMessage) -> None:
        if newest.round == self.round + 1 or self._messages.maxlen == 1:
            self._messages.append(newest)
        else:
            self._catch_up()

    def _catch_up(self) -> None:
        messages = self._store.latest(self._messages.maxlen or 1)
        self._messages.clear()
        self._messages.extend(messages)

    def _check_size(self, contribution: Contribution) -> None:
        n_bytes = sum(part.array.nbytes for part in contribution.values())
        self._store.check_round(n_bytes, self._world_size)

    def _due(self) -> Sequence[Event]:
        """Return the events for the next contribution: those of the last while, or none yet."""
        return self._drain() if self._ready_at - self._told_at >= TELL_S else ()

    def _drain(self) -> Sequence[Event]:
        events = tuple(self._outbox)
        self._outbox.clear()
        self._told_at = time.perf_counter()
        return events


class _Clock:
    """Where the time of one round went."""

    def __init__(self, store: StateStore, started: float) -> None:
        self._traffic = store.traffic
        self._spent = {"contribute": 0.0, "wait": 0.0, "update": 0.0, "receive": 0.0}
        self._last = time.perf_counter()
        self.compute_s = self._last - started
        self._commands = store.traffic.commands
        self._bytes_sent = store.traffic.bytes_sent
        self._bytes_received = store.traffic.bytes_received
        self._decode_s = store.traffic.decode_s

    def lap(self, phase: str) -> None:
        """Book the time since the last call; reading frames is receiving, whenever it happens."""
        now = time.perf_counter()
        decoding = self._traffic.decode_s - self._decode_s
        self._decode_s = self._traffic.decode_s
        self._spent[phase] += now - self._last - decoding
        self._spent["receive"] += decoding
        self._last = now

    def event(
        self, rank: int, attempt: int, current: StateMessage, figures: Mapping[str, float]
    ) -> RoundDone:
        return RoundDone(
            at=time.time(),
            rank=rank,
            attempt=attempt,
            round=current.round,
            phase=current.state.phase,
            compute_s=self.compute_s,
            contribute_s=self._spent["contribute"],
            wait_s=self._spent["wait"],
            update_s=self._spent["update"],
            receive_s=self._spent["receive"],
            bytes_sent=self._traffic.bytes_sent - self._bytes_sent,
            bytes_received=self._traffic.bytes_received - self._bytes_received,
            commands=self._traffic.commands - self._commands,
            figures=figures,
        )
