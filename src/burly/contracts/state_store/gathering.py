"""What a store does with a round that it hands to all ranks, if it does."""

from __future__ import annotations

from typing import Any

import pytest

from burly.contracts.state_store.base import OfARun
from burly.contracts.state_store.helpers import PATIENCE_S, contribution, state, values
from burly.state.store import Behind, Complete, Gathered, Newer, Pending, StateMessage, StateStore


def gathered(store: StateStore) -> Gathered:
    """Return the first round as a rank gets it that waits for the state; skip if it does not."""
    outcome = store.outcome(2, 0.05)
    if outcome is None:
        pytest.skip("this store hands a round to its finisher alone")
    assert isinstance(outcome, Gathered)
    return outcome


class Gathering(OfARun):
    """Ranks may go on with all contributions, before the state is published that is made of them."""

    def test_nobody_learns_of_a_round_before_it_is_complete(self, start: Any) -> None:
        _, _, (zero, _) = start(2)
        zero.contribute(contribution(0, 10))
        assert zero.outcome(2, 0.01) is None

    def test_the_others_get_what_the_finisher_gets(self, start: Any) -> None:
        _, client, (zero, one, two) = start(3)
        zero.contribute(contribution(0, 10))
        two.contribute(contribution(2, 30))
        answer = one.contribute(contribution(1, 20))
        for store in (zero, two, zero):
            assert values(gathered(store)) == values(answer) == {0: 10, 1: 20, 2: 30}
        assert client.wait(2, 0.01) is None

    def test_a_published_state_is_what_a_rank_learns_first(self, start: Any) -> None:
        _, _, (zero, one) = start(2)
        zero.contribute(contribution(0))
        one.contribute(contribution(1))
        one.publish(state(2, 7.0))
        outcome = zero.outcome(2, PATIENCE_S)
        assert isinstance(outcome, StateMessage)
        assert outcome.state["x"][0] == 7.0

    def test_a_rank_may_contribute_before_the_state_is_published(self, start: Any) -> None:
        _, _, (zero, one) = start(2)
        zero.contribute(contribution(0))
        one.contribute(contribution(1))
        gathered(zero)
        zero.adopt(state(2))
        assert zero.contribute(contribution(0, 11, round=2)) == Pending()
        assert zero.contribute(contribution(0, 11, round=2)) == Pending()
        one.post(state(2), soon=True)
        answer = one.contribute(contribution(1, 22, round=2))
        assert isinstance(answer, Complete)
        assert values(answer) == {0: 11, 1: 22}
        assert values(zero.outcome(3, PATIENCE_S)) == {0: 11, 1: 22}

    def test_whoever_misses_the_state_may_publish_it(self, start: Any) -> None:
        _, client, (zero, one) = start(2)
        zero.contribute(contribution(0))
        one.contribute(contribution(1))
        gathered(zero)
        zero.adopt(state(2, 7.0))
        zero.contribute(contribution(0, 11, round=2))
        assert zero.remind(contribution(0, 11, round=2)) == Behind()
        zero.publish(state(2, 7.0))
        assert zero.remind(contribution(0, 11, round=2)) == Pending()
        assert client.wait(2, PATIENCE_S).state["x"][0] == 7.0
        # The finisher comes back, with what it did not get rid of.
        one.post(state(2, 9.0), soon=True)
        assert isinstance(one.contribute(contribution(1)), Newer)
        answer = one.contribute(contribution(1, 22, round=2))
        assert values(answer) == {0: 11, 1: 22}
        assert one.latest(1)[0].state["x"][0] == 7.0

    def test_a_finisher_that_comes_back_gets_its_round_again(self, start: Any) -> None:
        run, _, (zero, one) = start(2)
        zero.contribute(contribution(0, 10))
        one.contribute(contribution(1, 20))
        gathered(zero)
        zero.contribute(contribution(0, 11, round=2))
        again = run.handle()
        again.join(1, 1)
        assert values(again.contribute(contribution(1, 20, attempt=1))) == {0: 10, 1: 20}
        again.post(state(2), soon=True)
        answer = again.contribute(contribution(1, 22, round=2, attempt=1))
        assert values(answer) == {0: 11, 1: 22}
