"""What a store does about lost connections, expiry and changed bytes."""

from __future__ import annotations

from typing import Any

import pytest

from burly.events import Noted
from burly.exceptions import FrameError, RunGoneError
from burly.testing.state_store.base import StateStoreSuite
from burly.testing.state_store.helpers import OPERATIONS, PATIENCE_S, contribution, later, state


class Surviving(StateStoreSuite):
    """Faults end in an answer or a clear error, and nothing is left behind."""

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

    @pytest.mark.parametrize("length", [1, 10_000])
    def test_every_key_expires_in_the_end(self, length: int, start: Any) -> None:
        run, _, (zero, one) = start(2)
        events = [Noted(0.0, "hello")]
        zero.contribute(contribution(0, length=length, telemetry=events))
        one.contribute(contribution(1, length=length))
        zero.contribute(contribution(0, length=length, round=2))
        one.leave(1, [])
        assert 0 < run.time_to_live_s() < float("inf")

    def test_nothing_is_left_behind(self, start: Any) -> None:
        run, client, (zero, one) = start(2)
        zero.publish(state(2))
        for number, length in ((2, 1), (3, 10_000)):
            events = [Noted(0.0, "hello")]
            zero.contribute(contribution(0, round=number, length=length, telemetry=events))
            one.contribute(contribution(1, round=number, length=length))
        one.leave(1, [])
        assert run.count_keys() > 0
        client.clear()
        assert run.count_keys() == 0

    @pytest.mark.parametrize("length", [1, 10_000])
    def test_a_failed_run_keeps_its_states_alone(self, length: int, start: Any) -> None:
        run, _, (zero, one) = start(2)
        zero.contribute(contribution(0, length=length))
        one.contribute(contribution(1, length=length))
        zero.contribute(contribution(0, length=length, round=2))
        one.abort("broken")
        assert run.count_keys() == 2

    def test_a_frame_that_was_changed_is_an_error(self, start: Any) -> None:
        run, _, (zero, one) = start(2)
        zero.contribute(contribution(0))
        run.tamper()
        with pytest.raises(FrameError):
            one.contribute(contribution(1))
