"""Who learns that the run is gone, that it was aborted, or that a newer attempt has taken over."""

from __future__ import annotations

from typing import Any

import pytest

from burly.exceptions import RunAbortedError, RunGoneError, SupersededError
from burly.testing.state_store.base import StateStoreSuite
from burly.testing.state_store.helpers import OPERATIONS, PATIENCE_S, contribution, later


class Fencing(StateStoreSuite):
    """No operation touches a run that ended, or that another attempt has taken over."""

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
