"""What a store does with contributions, up to the takeover of a finisher."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.testing import assert_array_equal

from burly.contributions import Part, Reducer
from burly.state.store import Behind, Complete, ContributionMessage, Gathered, Newer, Pending
from burly.testing.state_store.base import StateStoreSuite
from burly.testing.state_store.helpers import contribution, state, until, values


class Contributing(StateStoreSuite):
    """Contributions count once, and one rank finishes their round."""

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
        assert isinstance(answer, Complete | Gathered)
        for message in answer.messages:
            assert list(message.contribution) == list(parts)
            for name, part in parts.items():
                got = message.contribution[name]
                assert (got.reducer, got.limit) == (part.reducer, part.limit)
                assert got.array.dtype == part.array.dtype
                assert got.array.shape == part.array.shape
                assert got.array.tobytes() == part.array.tobytes()
