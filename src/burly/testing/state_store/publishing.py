"""What a store does with states: the first one wins, all receive it, the last ones stay."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from burly.exceptions import RunAbortedError
from burly.state.store import StateMessage
from burly.states import State
from burly.testing.state_store.base import StateStoreSuite
from burly.testing.state_store.helpers import PATIENCE_S, contribution, later, state


class Publishing(StateStoreSuite):
    """One state a round, and the last states are the checkpoint."""

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
        (known,) = zero.latest(2)
        (first,) = one.latest(2)
        sent, received = zero.traffic.bytes_sent, one.traffic.bytes_received
        for number in range(2, 6):
            zero.publish(state(number, table=known.state["table"]))
            message = one.wait(number, PATIENCE_S)
            assert message.state["table"] is first.state["table"]
        assert zero.traffic.bytes_sent - sent < table.nbytes
        assert one.traffic.bytes_received - received < table.nbytes
        for message in run.handle().latest(2):
            assert_array_equal(message.state["table"], table)
        assert_array_equal(run.handle().wait(1, PATIENCE_S).state["table"], table)

    def test_a_state_that_lost_to_another_of_its_round_is_not_relied_on(self, start: Any) -> None:
        table = np.arange(10_000.0)
        run, _, (zero, one, two) = start(3)
        zero.publish(state(2, table=table))
        one.adopt(state(2, table=table))
        # Zero leaves out what it knows to be there, one does not know, and is not told that it lost.
        zero.post(state(3, table=table))
        zero.latest(1)
        one.post(state(3, table=table))
        one.post(state(4, table=table))
        one.latest(1)
        for store in (two, run.handle()):
            assert_array_equal(store.latest(1)[0].state["table"], table)

    def test_an_array_whose_entry_is_lost_is_sent_again(self, start: Any) -> None:
        run, client, (zero,) = start(1)
        before = zero.publish(state(6, 5.0))
        client.open(state(1))
        zero.publish(StateMessage(0, 7, before.state))
        assert_array_equal(run.handle().latest(1)[0].state["x"], np.full(3, 5.0))
