"""What every state store has to keep, as tests; needs pytest."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from burly.contributions import Part, Reducer, Step, Totals
from burly.events import Event, Noted
from burly.exceptions import (
    BurlyError,
    FrameError,
    RunAbortedError,
    RunGoneError,
    SupersededError,
)
from burly.rounds import Rounds
from burly.state.store import (
    Behind,
    Complete,
    ContributionMessage,
    Newer,
    Pending,
    StateMessage,
    StateStore,
)
from burly.states import State

PATIENCE_S = 20.0
"""How long a test waits for what has to come."""


class RunUnderTest(ABC):
    """A run of the backend under test, and what may happen to it.

    The faults are optional: a test whose fault the backend does not know is skipped.
    """

    def __init__(self) -> None:
        self._handles: list[StateStore] = []

    @abstractmethod
    def connect(self) -> StateStore:
        """Return a new handle on the run."""

    def handle(self) -> StateStore:
        """Return a new handle that is closed at the end of the test."""
        store = self.connect()
        self._handles.append(store)
        return store

    def close(self) -> None:
        """Close all handles."""
        for store in self._handles:
            store.close()

    def lose_everything(self) -> None:
        """Make the store forget all that it has, as if it were started anew."""
        pytest.skip("this store cannot lose what it has")

    def cut_a_waiter(self) -> None:
        """Wait until a handle blocks in `StateStore.wait`, and cut its connection."""
        pytest.skip("this store has no connections")

    def let_time_pass(self) -> None:
        """Bring every key of the run close to the end of its time to live."""
        pytest.skip("in this store nothing expires")

    def time_to_live_s(self) -> float:
        """Return how long the first of the run's keys to expire still lives."""
        pytest.skip("in this store nothing expires")

    def count_keys(self) -> int:
        """Return how many keys the run has in the store."""
        pytest.skip("this store has no keys")

    def tamper(self) -> None:
        """Change a byte of a contribution that the store holds."""
        pytest.skip("in this store nothing is encoded")


Operation = Callable[[StateStore], object]

OPERATIONS: dict[str, Operation] = {
    "join": lambda store: store.join(0, 0),
    "contribute": lambda store: store.contribute(contribution(0)),
    "remind": lambda store: store.remind(contribution(0)),
    "publish": lambda store: store.publish(state(2)),
    "wait": lambda store: store.wait(2, 0.01),
    "latest": lambda store: store.latest(1),
    "leave": lambda store: store.leave(0, ()),
    "departures": lambda store: store.departures(0.01),
}


def contribution(rank: int, value: int = 0, *, round: int = 1, attempt: int = 0) -> Any:  # noqa: A002
    """Return a small contribution."""
    part = Part(Reducer.SUM, np.array([value, rank], dtype=np.int64))
    return ContributionMessage(0, round, rank, attempt, {"x": part})


def state(round: int, value: float = 0.0, **arrays: Any) -> StateMessage:  # noqa: A002
    """Return a small state."""
    return StateMessage(0, round, State("phase", {"x": np.full(3, value), **arrays}))


def later(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Run a function in a thread of its own."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(function(*arguments))
        except BurlyError as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def until(ask: Callable[[], Any], wanted: type) -> Any:
    """Ask until the answer is of a type."""
    deadline = time.monotonic() + PATIENCE_S
    while not isinstance(answer := ask(), wanted):
        assert time.monotonic() < deadline, f"waited for {wanted.__name__}, got {answer}"
    return answer


class StateStoreContract:
    """What every state store has to keep, as tests: see `burly.state.store.StateStore`."""

    def make_run(self, *, world_size: int, memory: int, lease_s: float) -> RunUnderTest:
        """Return a run that is not opened yet."""
        raise NotImplementedError

    @pytest.fixture
    def start(self) -> Iterator[Callable[..., tuple[RunUnderTest, StateStore, list[StateStore]]]]:
        """Open a run; gives the run, the client's handle, and one handle a rank, joined."""
        runs: list[RunUnderTest] = []

        def start(
            world_size: int = 2, *, memory: int = 0, lease_s: float = 60.0, **arrays: Any
        ) -> tuple[RunUnderTest, StateStore, list[StateStore]]:
            run = self.make_run(world_size=world_size, memory=memory, lease_s=lease_s)
            runs.append(run)
            client = run.handle()
            client.open(state(1, **arrays))
            ranks = [run.handle() for _ in range(world_size)]
            for rank, store in enumerate(ranks):
                store.join(rank, 0)
            return run, client, ranks

        yield start
        for run in runs:
            run.close()

    # --- contributions --------------------------------------------------------------------------
    def test_the_last_contributor_gets_all_contributions(self, start: Any) -> None:
        _, _, (zero, one, two) = start(3)
        assert zero.contribute(contribution(0, 10)) == Pending()
        assert two.contribute(contribution(2, 30)) == Pending()
        answer = one.contribute(contribution(1, 20))
        assert isinstance(answer, Complete)
        assert values(answer) == {0: 10, 1: 20, 2: 30}

    def test_the_first_contribution_of_a_rank_wins(self, start: Any) -> None:
        run, _, (zero, one) = start(2)
        zero.contribute(contribution(0, 10))
        again = run.handle()
        again.join(0, 1)
        assert again.contribute(contribution(0, 99, attempt=1)) == Pending()
        answer = one.contribute(contribution(1, 20))
        assert values(answer) == {0: 10, 1: 20}

    def test_a_duplicate_does_not_complete_a_round(self, start: Any) -> None:
        _, _, (zero, _) = start(2)
        assert zero.contribute(contribution(0)) == Pending()
        assert zero.contribute(contribution(0)) == Pending()

    def test_only_one_rank_finishes_a_round(self, start: Any) -> None:
        _, _, (zero, one) = start(2)
        zero.contribute(contribution(0))
        assert isinstance(one.contribute(contribution(1)), Complete)
        assert zero.contribute(contribution(0)) == Pending()
        assert zero.remind(contribution(0)) == Pending()

    def test_the_finisher_is_told_again_if_it_asks_again(self, start: Any) -> None:
        _, _, (zero, one) = start(2)
        zero.contribute(contribution(0, 1))
        one.contribute(contribution(1, 2))
        assert values(one.contribute(contribution(1, 2))) == {0: 1, 1: 2}
        assert values(one.remind(contribution(1, 2))) == {0: 1, 1: 2}

    def test_a_contribution_to_an_older_round_is_answered_with_the_newest_state(
        self, start: Any
    ) -> None:
        _, _, (zero, one) = start(2)
        zero.publish(state(2, 2.0))
        zero.publish(state(3, 3.0))
        answer = one.contribute(contribution(1))
        assert isinstance(answer, Newer)
        assert answer.message.round == 3
        assert_array_equal(answer.message.state["x"], np.full(3, 3.0))

    def test_a_contribution_to_a_newer_round_is_told_that_the_store_is_behind(
        self, start: Any
    ) -> None:
        _, _, (zero, one) = start(2)
        assert zero.contribute(contribution(0, round=3)) == Behind()
        assert zero.remind(contribution(0, round=3)) == Behind()
        zero.publish(state(3))
        assert zero.remind(contribution(0, round=3)) == Pending()
        assert isinstance(one.contribute(contribution(1, round=3)), Complete)

    def test_a_reminder_sends_what_the_store_lacks(self, start: Any) -> None:
        _, _, (zero, one) = start(2)
        assert zero.remind(contribution(0, 5)) == Pending()
        assert values(one.remind(contribution(1, 6))) == {0: 5, 1: 6}

    def test_contributions_of_one_round_do_not_count_for_the_next(self, start: Any) -> None:
        _, _, (zero, one) = start(2)
        zero.contribute(contribution(0))
        one.contribute(contribution(1))
        one.publish(state(2))
        assert one.contribute(contribution(1, round=2)) == Pending()

    def test_a_waiter_takes_over_when_the_lease_has_lapsed(self, start: Any) -> None:
        _, _, (zero, one) = start(2, lease_s=0.05)
        zero.contribute(contribution(0, 1))
        one.contribute(contribution(1, 2))
        answer = until(lambda: zero.remind(contribution(0, 1)), Complete)
        assert values(answer) == {0: 1, 1: 2}

    def test_a_new_attempt_of_the_finisher_takes_over_at_once(self, start: Any) -> None:
        run, _, (zero, one) = start(2)
        zero.contribute(contribution(0))
        assert isinstance(one.contribute(contribution(1)), Complete)
        again = run.handle()
        again.join(1, 1)
        assert isinstance(again.contribute(contribution(1, attempt=1)), Complete)

    def test_arrays_of_every_kind_arrive_as_they_were(self, start: Any) -> None:
        _, _, (zero, one) = start(2)
        rows = np.zeros(2, dtype=[("key", "f8"), ("shard", "i8"), ("row", "i8"), ("x", "f4", 3)])
        rows["x"] = np.arange(6).reshape(2, 3)
        parts = {
            "rows": Part(Reducer.ROWS, rows, 2),
            "labels": Part(Reducer.UNION, np.array(["b", "äöü"]), 9),
            "none": Part(Reducer.UNION, np.array([], dtype=np.int64)),
            "least": Part(Reducer.MIN, np.array([np.nan, -0.0, np.inf], dtype=np.float32)),
            "scalar": Part(Reducer.SUM, np.array(2**63, dtype=np.uint64)),
            "columns": Part(Reducer.SUM, np.asfortranarray(np.arange(6).reshape(2, 3))),
            "steps": Part(Reducer.SUM, np.arange(10)[::3]),
            "flags": Part(Reducer.MAX, np.array([True, False])),
        }
        zero.contribute(ContributionMessage(0, 1, 0, 0, parts))
        answer = one.contribute(ContributionMessage(0, 1, 1, 0, parts))
        assert isinstance(answer, Complete)
        for message in answer.messages:
            assert list(message.contribution) == list(parts)
            for name, part in parts.items():
                got = message.contribution[name]
                assert (got.reducer, got.limit) == (part.reducer, part.limit)
                assert got.array.dtype == part.array.dtype
                assert got.array.shape == part.array.shape
                assert got.array.tobytes() == part.array.tobytes()

    # --- states ---------------------------------------------------------------------------------
    def test_a_joined_rank_finds_the_first_state(self, start: Any) -> None:
        _, _, (zero,) = start(1, table=np.arange(4))
        (message,) = zero.latest(3)
        assert message.round == 1
        assert message.state.phase == "phase"
        assert_array_equal(message.state["table"], np.arange(4))

    def test_the_second_publisher_of_a_round_gets_the_first_ones_state(self, start: Any) -> None:
        run, _, (zero, one) = start(2)
        assert zero.publish(state(2, 1.0)).state["x"][0] == 1.0
        assert one.publish(state(2, 9.0)).state["x"][0] == 1.0
        assert run.handle().latest(1)[0].state["x"][0] == 1.0

    def test_a_publisher_that_comes_too_late_gets_the_newest_state(self, start: Any) -> None:
        _, _, (zero, one) = start(2)
        zero.publish(state(2))
        zero.publish(state(3, 3.0))
        assert one.publish(state(2, 9.0)).round == 3

    def test_a_state_that_was_posted_arrives_and_the_first_one_wins(self, start: Any) -> None:
        _, client, (zero, one) = start(2)
        assert zero.post(state(2, 1.0)).state["x"][0] == 1.0
        assert one.wait(2, PATIENCE_S).state["x"][0] == 1.0
        one.post(state(2, 9.0))
        assert one.latest(1)[0].state["x"][0] == 1.0
        assert client.wait(2, PATIENCE_S).state["x"][0] == 1.0

    def test_a_post_that_is_refused_is_told_by_what_follows(self, start: Any) -> None:
        _, client, (zero, one) = start(2)
        one.abort("enough")
        with suppress(RunAbortedError):
            zero.post(state(2))
        with pytest.raises(RunAbortedError, match="enough"):
            zero.contribute(contribution(0, round=2))
        client.clear()

    def test_all_that_a_state_says_arrives(self, start: Any) -> None:
        _, _, (zero, one) = start(2)
        published = State("seed", {"k": np.array(3)}, done=True, figures={"shift": 0.1})
        zero.publish(StateMessage(0, 2, published))
        message = one.wait(2, PATIENCE_S)
        assert (message.state.phase, message.state.done) == ("seed", True)
        assert message.state.figures == {"shift": 0.1}
        assert message.state["k"].shape == ()

    def test_a_publication_wakes_all_who_wait(self, start: Any) -> None:
        _, _, (zero, *others) = start(3)
        waiting = [later(store.wait, 2, PATIENCE_S) for store in others]
        zero.publish(state(2, 7.0))
        for future in waiting:
            assert future.result(PATIENCE_S).state["x"][0] == 7.0

    def test_waiting_returns_the_newest_state(self, start: Any) -> None:
        _, client, (zero,) = start(1)
        zero.publish(state(2))
        zero.publish(state(3, 3.0))
        for store in (zero, client):
            message = store.wait(2, PATIENCE_S)
            assert (message.round, message.state["x"][0]) == (3, 3.0)

    def test_waiting_in_vain_returns_nothing(self, start: Any) -> None:
        _, client, (zero,) = start(1)
        assert zero.wait(2, 0.01) is None
        assert client.wait(2, 0.0) is None

    def test_the_last_m_plus_1_states_stay(self, start: Any) -> None:
        run, _, (zero,) = start(1, memory=2)
        for number in range(2, 7):
            zero.publish(state(number, float(number)))
        messages = run.handle().latest(3)
        assert [message.round for message in messages] == [4, 5, 6]
        assert [message.state["x"][0] for message in messages] == [4.0, 5.0, 6.0]

    def test_an_array_that_is_carried_over_is_there_for_all(self, start: Any) -> None:
        table = np.arange(10_000.0)
        run, _, (zero, one) = start(2, memory=1, table=table)
        (first,) = one.latest(2)
        received = one.traffic.bytes_received
        for number in range(2, 6):
            following = state(number, table=table).state
            zero.publish(StateMessage(0, number, following, carried={"table": 1}))
            message = one.wait(number, PATIENCE_S)
            assert message.state["table"] is first.state["table"]
            assert message.carried == {"table": 1}
        assert one.traffic.bytes_received - received < table.nbytes
        for message in run.handle().latest(2):
            assert_array_equal(message.state["table"], table)
        assert_array_equal(run.handle().wait(1, PATIENCE_S).state["table"], table)

    def test_an_array_whose_entry_is_lost_is_sent_again(self, start: Any) -> None:
        run, _, (zero,) = start(1)
        zero.publish(StateMessage(0, 7, state(7, 5.0).state, carried={"x": 6}))
        assert_array_equal(run.handle().latest(1)[0].state["x"], np.full(3, 5.0))

    # --- the fence ------------------------------------------------------------------------------
    @pytest.mark.parametrize("name", OPERATIONS)
    def test_a_run_that_was_not_opened_is_gone(self, name: str) -> None:
        run = self.make_run(world_size=1, memory=0, lease_s=60.0)
        with pytest.raises(RunGoneError):
            OPERATIONS[name](run.handle())
        run.close()

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_a_run_that_was_cleared_is_gone(self, name: str, start: Any) -> None:
        run, client, (zero, _) = start(2)
        zero.contribute(contribution(0))
        client.clear()
        for store in (zero, run.handle()):
            with pytest.raises(RunGoneError):
                OPERATIONS[name](store)

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_a_run_in_a_store_that_was_started_anew_is_gone(self, name: str, start: Any) -> None:
        run, _, (zero, _) = start(2)
        run.lose_everything()
        with pytest.raises(RunGoneError):
            OPERATIONS[name](zero)

    def test_a_waiter_learns_that_the_run_is_gone(self, start: Any) -> None:
        _, client, (zero,) = start(1)
        waiting = later(zero.wait, 2, 0.2)
        client.clear()
        with pytest.raises(RunGoneError):
            waiting.result(PATIENCE_S)

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_an_abort_ends_the_run_for_all(self, name: str, start: Any) -> None:
        _, _, (zero, one) = start(2)
        one.abort("DataError: no")
        with pytest.raises(RunAbortedError, match=r"^DataError: no$"):
            OPERATIONS[name](zero)

    def test_an_abort_wakes_all_who_wait(self, start: Any) -> None:
        _, client, (zero, one) = start(2)
        waiting = [
            later(zero.wait, 2, PATIENCE_S),
            later(client.wait, 2, PATIENCE_S),
        ]
        one.abort("enough")
        for future in waiting:
            with pytest.raises(RunAbortedError, match="enough"):
                future.result(PATIENCE_S)

    def test_an_abort_wakes_a_client_that_waits_for_departures(self, start: Any) -> None:
        _, client, (zero,) = start(1)
        waiting = later(client.departures, PATIENCE_S)
        zero.abort("enough")
        with pytest.raises(RunAbortedError, match="enough"):
            waiting.result(PATIENCE_S)

    def test_the_first_abort_says_why(self, start: Any) -> None:
        _, client, (zero, one) = start(2)
        zero.abort("first")
        one.abort("second")
        with pytest.raises(RunAbortedError, match="first"):
            client.wait(2, 0.01)

    def test_ending_a_run_that_is_gone_is_no_error(self, start: Any) -> None:
        _, client, (zero,) = start(1)
        client.clear()
        client.clear()
        zero.abort("too late")
        with pytest.raises(RunGoneError):
            zero.latest(1)

    @pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "departures"])
    def test_a_superseded_attempt_is_told_so(self, name: str, start: Any) -> None:
        run, _, (zero, _) = start(2)
        run.handle().join(0, 1)
        with pytest.raises(SupersededError):
            OPERATIONS[name](zero)

    def test_a_superseded_attempt_cannot_end_the_run(self, start: Any) -> None:
        run, _, (zero, _) = start(2)
        again = run.handle()
        again.join(0, 1)
        zero.abort("a zombie's trouble")
        assert again.latest(1)[0].round == 1

    # --- what the client sees -------------------------------------------------------------------
    def test_the_client_sees_each_departure_once(self, start: Any) -> None:
        _, client, (zero, one) = start(2)
        zero.leave(0, [])
        assert [rank for rank, _ in client.departures(PATIENCE_S)] == [0]
        zero.leave(0, [])
        one.leave(1, [])
        seen = collect_departures(client, 1)
        assert [rank for rank, _ in seen] == [1]
        assert list(client.departures(0.01)) == []

    def test_last_words_reach_the_client(self, start: Any) -> None:
        _, client, (zero,) = start(1)
        zero.leave(0, [Noted(1.5, "bye")])
        assert [(r, tuple(e)) for r, e in client.departures(PATIENCE_S)] == [
            (0, (Noted(1.5, "bye"),))
        ]

    def test_the_client_hears_of_ranks_that_join_before_there_is_a_state(self, start: Any) -> None:
        run, client, _ = start(1)
        run.handle().join(0, 1, [Noted(0.0, "here")])
        deadline = time.monotonic() + PATIENCE_S
        heard: list[Any] = []
        while not heard and time.monotonic() < deadline:
            assert client.wait(2, 0.05) is None
            heard += client.news()
        assert heard == [Noted(0.0, "here")]
        assert list(client.news()) == []

    def test_what_was_heard_before_a_state_is_not_told_again_with_it(self, start: Any) -> None:
        run, client, _ = start(1)
        again = run.handle()
        again.join(0, 1, [Noted(0.0, "here")])
        again.publish(StateMessage(0, 2, state(2).state, telemetry=[Noted(0.0, "there")]))
        told = client.wait(2, PATIENCE_S).telemetry
        assert [event.message for event in told] == ["here", "there"]
        assert list(client.news()) == []

    def test_the_client_gets_all_telemetry_even_if_it_looks_seldom(self, start: Any) -> None:
        _, client, (zero,) = start(1)
        for number in range(2, 6):
            message = StateMessage(
                0, number, state(number).state, telemetry=[Noted(0.0, str(number))]
            )
            assert zero.publish(message).round == number
        assert not zero.wait(2, PATIENCE_S).telemetry
        message = client.wait(2, PATIENCE_S)
        assert [event.message for event in message.telemetry] == ["2", "3", "4", "5"]
        zero.publish(state(6))
        assert not client.wait(6, PATIENCE_S).telemetry

    # --- faults of the store --------------------------------------------------------------------
    def test_a_waiter_survives_a_lost_connection(self, start: Any) -> None:
        run, _, (zero, one) = start(2)
        waiting = later(one.wait, 2, PATIENCE_S)
        run.cut_a_waiter()
        zero.publish(state(2, 4.0))
        assert waiting.result(PATIENCE_S).state["x"][0] == 4.0

    def test_a_waiter_that_lost_its_connection_learns_that_the_run_is_gone(
        self, start: Any
    ) -> None:
        run, client, (zero,) = start(1)
        waiting = later(zero.wait, 2, PATIENCE_S)
        client.clear()
        run.cut_a_waiter()
        with pytest.raises(RunGoneError):
            waiting.result(PATIENCE_S)

    @pytest.mark.parametrize("name", ["join", "contribute", "publish", "leave"])
    def test_signs_of_life_renew_the_time_to_live(self, name: str, start: Any) -> None:
        run, _, (zero, one) = start(2)
        one.contribute(contribution(1))
        run.let_time_pass()
        before_s = run.time_to_live_s()
        OPERATIONS[name](zero)
        assert run.time_to_live_s() > 10 * before_s

    def test_every_key_expires_in_the_end(self, start: Any) -> None:
        run, _, (zero, one) = start(2)
        zero.contribute(contribution(0))
        one.contribute(contribution(1))
        assert 0 < run.time_to_live_s() < float("inf")

    def test_nothing_is_left_behind(self, start: Any) -> None:
        run, client, (zero, one) = start(2)
        message = StateMessage(0, 2, state(2).state, telemetry=[Noted(0.0, "hello")])
        zero.publish(message)
        zero.contribute(contribution(0, round=2))
        one.contribute(contribution(1, round=2))
        one.leave(1, [])
        assert run.count_keys() > 0
        client.clear()
        assert run.count_keys() == 0

    def test_a_failed_run_keeps_its_states_alone(self, start: Any) -> None:
        run, _, (zero, one) = start(2)
        zero.contribute(contribution(0))
        one.contribute(contribution(1))
        one.abort("broken")
        assert run.count_keys() == 2

    def test_a_frame_that_was_changed_is_an_error(self, start: Any) -> None:
        run, _, (zero, one) = start(2)
        zero.contribute(contribution(0))
        run.tamper()
        with pytest.raises(FrameError):
            one.contribute(contribution(1))

    # --- whole runs -----------------------------------------------------------------------------
    @pytest.mark.parametrize("memory", [0, 2])
    def test_ranks_agree_about_every_round(self, memory: int, start: Any) -> None:
        world_size, n_rounds = 4, 12
        run, client, _ = start(world_size, memory=memory, fixed=np.arange(5))
        with ThreadPoolExecutor(world_size) as threads:
            futures = [
                threads.submit(follow, run.handle(), rank, world_size, memory, n_rounds)
                for rank in range(world_size)
            ]
            seen = [future.result(PATIENCE_S) for future in futures]
        expected = predict(world_size, memory, n_rounds)
        assert seen == [expected] * world_size
        assert len(collect_departures(client, world_size)) == world_size


def values(answer: Any) -> dict[int, int]:
    """Return what each rank contributed."""
    return {message.rank: int(message.contribution["x"].array[0]) for message in answer.messages}


def collect_departures(client: StateStore, count: int) -> list[tuple[int, Sequence[Event]]]:
    """Return departures until there are enough."""
    seen: list[tuple[int, Sequence[Event]]] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(seen) < count and time.monotonic() < deadline:
        seen += client.departures(1.0)
    return seen


def follow(
    store: StateStore, rank: int, world_size: int, memory: int, n_rounds: int
) -> list[float]:
    """Take part in a run as one rank; return the values of the states."""
    rounds = Rounds(store, rank=rank, world_size=world_size, memory=memory, attempt=1)
    current = rounds.receive()
    seen = []
    while not current.done:
        part = Part(Reducer.SUM, np.array([rounds.round * (rank + 1)], dtype=np.int64))
        current = rounds.exchange(
            Step({"x": part}),
            lambda states, totals: advance(states, totals, last=rounds.round == n_rounds),
        )
        seen.append(float(current["x"][0]))
    rounds.leave()
    return seen


def advance(states: Sequence[State], totals: Totals, *, last: bool) -> State:
    """Return a state that depends on all that update may read."""
    before = sum(float(past["x"][0]) for past in states)
    arrays = {"x": np.full(3, before % 1000 + float(totals["x"][0])), "fixed": states[-1]["fixed"]}
    return State("phase", arrays, done=last)


def predict(world_size: int, memory: int, n_rounds: int) -> list[float]:
    """Return what `follow` has to see."""
    history = [0.0]
    for number in range(1, n_rounds + 1):
        contributed = number * world_size * (world_size + 1) // 2
        history.append(sum(history[-memory - 1 :]) % 1000 + contributed)
    return history[1:]
