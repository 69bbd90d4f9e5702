"""What the client receives: departures, the last events of a rank, and telemetry."""

from __future__ import annotations

import time
from typing import Any

from burly.events import Noted
from burly.testing.state_store.base import StateStoreSuite
from burly.testing.state_store.helpers import (
    PATIENCE_S,
    collect_departures,
    contribution,
    state,
)


class Telling(StateStoreSuite):
    """The client hears all, and each thing once."""

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

    def test_what_is_told_after_the_last_state_is_heard_with_departures(self, start: Any) -> None:
        run, client, (zero,) = start(1)
        zero.publish(state(2))
        client.wait(2, PATIENCE_S)
        again = run.handle()
        again.join(0, 1, [Noted(0.0, "here")])
        again.leave(0, [])
        collect_departures(client, 1)
        assert list(client.news()) == [Noted(0.0, "here")]

    def test_what_was_heard_before_a_state_is_not_told_again_with_it(self, start: Any) -> None:
        run, client, _ = start(1)
        again = run.handle()
        again.join(0, 1, [Noted(0.0, "here")])
        again.contribute(contribution(0, attempt=1, telemetry=[Noted(0.0, "there")]))
        again.publish(state(2))
        told = client.wait(2, PATIENCE_S).telemetry
        assert [event.message for event in told] == ["here", "there"]
        assert list(client.news()) == []

    def test_the_client_gets_all_telemetry_even_if_it_looks_seldom(self, start: Any) -> None:
        _, client, (zero,) = start(1)
        for number in range(2, 6):
            events = [Noted(0.0, str(number))]
            zero.contribute(contribution(0, round=number - 1, telemetry=events))
            zero.publish(state(number))
        assert not zero.wait(2, PATIENCE_S).telemetry
        message = client.wait(2, PATIENCE_S)
        assert [event.message for event in message.telemetry] == ["2", "3", "4", "5"]
        zero.publish(state(6))
        assert not client.wait(6, PATIENCE_S).telemetry
