"""What a store does with small rounds that it hands to all ranks, if it does."""

from __future__ import annotations

import time
from functools import partial
from itertools import count
from typing import Any

import pytest

from burly.events import Noted
from burly.state.store import Behind, Gathered, Newer, Pending, StateMessage, StateStore
from burly.testing.state_store import helpers
from burly.testing.state_store.base import StateStoreSuite
from burly.testing.state_store.helpers import PATIENCE_S, eventually, state, values

contribution = partial(helpers.contribution, length=2)


def gather(*stores: StateStore, round: int = 1) -> Gathered:  # noqa: A002
    """Have every rank contribute; return what the last one is told."""
    for rank, store in enumerate(stores):
        answer = store.contribute(contribution(rank, 10 * round + rank, round=round))
    assert isinstance(answer, Gathered)
    return answer


class Gathering(StateStoreSuite):
    """Ranks go on with all contributions; the newest state and the rounds since are the checkpoint."""

    @pytest.fixture
    def gathering(self, start: Any) -> Any:
        """Open a run as `start` does, of a store that gathers."""

        def start_gathering(world_size: int) -> Any:
            run, client, ranks = start(world_size)
            if not run.gathers:
                pytest.skip(f"{type(run).__name__} declares that it does not gather")
            return run, client, ranks

        return start_gathering

    def test_a_small_round_is_handed_to_all_ranks_if_that_is_declared(self, start: Any) -> None:
        run, _, (zero, one) = start(2)
        zero.contribute(contribution(0))
        assert isinstance(one.contribute(contribution(1)), Gathered) == run.gathers

    def test_nobody_learns_of_a_round_before_it_is_complete(self, start: Any) -> None:
        _, _, (zero, _) = start(2)
        zero.contribute(contribution(0, 10))
        assert zero.outcome(2, 0.01) is None

    def test_all_ranks_get_the_contributions_of_all(self, gathering: Any) -> None:
        _, client, ranks = gathering(3)
        answer = gather(*ranks)
        assert values(answer) == {0: 10, 1: 11, 2: 12}
        for store in (*ranks, ranks[0]):
            assert values(store.outcome(2, PATIENCE_S)) == values(answer)
        assert client.wait(2, 0.01) is None

    def test_round_follows_round_without_a_state(self, gathering: Any) -> None:
        _, client, ranks = gathering(2)
        for number in range(1, 5):
            gather(*ranks, round=number)
            assert values(ranks[0].outcome(number + 1, PATIENCE_S)) == {
                0: 10 * number,
                1: 10 * number + 1,
            }
        assert client.wait(2, 0.01) is None

    def test_a_published_state_is_what_a_rank_learns_first(self, gathering: Any) -> None:
        _, _, (zero, one) = gathering(2)
        gather(zero, one)
        one.publish(state(2, 7.0))
        outcome = zero.outcome(2, PATIENCE_S)
        assert isinstance(outcome, StateMessage)
        assert outcome.state["x"][0] == 7.0

    def test_whoever_starts_anew_gets_the_rounds_one_by_one(self, gathering: Any) -> None:
        run, _, ranks = gathering(2)
        for number in range(1, 4):
            gather(*ranks, round=number)
            if number == 1:
                ranks[1].publish(state(2))
        again = run.handle()
        again.join(0, 1)
        assert again.latest(1)[0].round == 2
        for number in (2, 3):
            answer = again.contribute(contribution(0, 99, round=number, attempt=1))
            assert values(answer) == {0: 10 * number, 1: 10 * number + 1}
            again.adopt(state(number + 1))
        assert again.contribute(contribution(0, 40, round=4, attempt=1)) == Pending()
        assert values(ranks[1].contribute(contribution(1, 41, round=4))) == {0: 40, 1: 41}

    def test_a_state_of_an_earlier_round_disturbs_nobody(self, gathering: Any) -> None:
        run, client, (zero, one) = gathering(2)
        for number in range(1, 4):
            gather(zero, one, round=number)
        zero.contribute(contribution(0, 40, round=4))
        one.publish(state(3, 7.0))
        assert client.wait(2, PATIENCE_S).round == 3
        assert isinstance(one.contribute(contribution(1, round=2)), Newer)
        assert values(run.handle().contribute(contribution(1, round=3))) == {0: 30, 1: 31}
        assert values(one.contribute(contribution(1, 41, round=4))) == {0: 40, 1: 41}
        assert values(zero.outcome(5, PATIENCE_S)) == {0: 40, 1: 41}

    def test_a_state_of_a_later_round_ends_the_current_one(self, gathering: Any) -> None:
        _, _, (zero, one) = gathering(2)
        for number in range(1, 3):
            gather(zero, one, round=number)
        zero.contribute(contribution(0, round=3))
        one.publish(state(4, 7.0))
        outcome = zero.outcome(4, PATIENCE_S)
        assert isinstance(outcome, StateMessage)
        assert outcome.round == 4
        assert values(gather(zero, one, round=4)) == {0: 40, 1: 41}

    def test_a_large_round_after_small_ones_is_finished_by_one_rank(self, gathering: Any) -> None:
        _, _, (zero, one) = gathering(2)
        gather(zero, one)
        zero.contribute(helpers.contribution(0, 20, round=2))
        answer = one.contribute(helpers.contribution(1, 21, round=2))
        assert not isinstance(answer, Gathered)
        assert values(answer) == {0: 20, 1: 21}
        assert zero.outcome(3, 0.01) is None
        one.post(state(3, 7.0))
        outcome = zero.outcome(3, PATIENCE_S)
        assert isinstance(outcome, StateMessage)
        assert outcome.state["x"][0] == 7.0
        assert values(gather(zero, one, round=3)) == {0: 30, 1: 31}

    def test_a_rank_that_the_store_cannot_follow_is_told_so(self, gathering: Any) -> None:
        _, _, (zero, one) = gathering(2)
        gather(zero, one)
        late = contribution(0, 30, round=3)
        assert zero.contribute(late) == Behind()
        zero.publish(state(3))
        assert zero.contribute(late) == Pending()

    def test_whoever_completes_a_round_learns_how_old_the_newest_state_is(
        self, gathering: Any
    ) -> None:
        _, _, (zero, one) = gathering(2)
        gather(zero, one)
        ages_s = [0.0]

        def first_state_ages() -> bool:
            ages_s.append(zero.contribute(contribution(0, 10)).state_age_s)
            return ages_s[-1] > 0.02

        eventually(first_state_ages)
        assert ages_s == sorted(ages_s)
        numbers = count(2)

        def newest_state_is_younger() -> bool:
            number = next(numbers)
            one.publish(state(number))
            return 0 <= gather(zero, one, round=number).state_age_s < ages_s[-1]

        eventually(newest_state_is_younger)

    def test_the_client_hears_of_what_no_state_tells(self, gathering: Any) -> None:
        _, client, (zero, one) = gathering(2)
        gather(zero, one)
        zero.contribute(contribution(0, round=2, telemetry=[Noted(0.0, "hello")]))
        heard: list[Any] = []
        deadline = time.monotonic() + PATIENCE_S
        while not heard and time.monotonic() < deadline:
            assert client.wait(2, 0.05) is None
            heard += client.news()
        assert heard == [Noted(0.0, "hello")]
