"""How a run ends: what is told, what is left, and what is said of it."""

from __future__ import annotations

from contextlib import suppress
from typing import cast

import pytest

from burly.events import Ended, Event
from burly.exceptions import BurlyError, StateStoreUnreachableError, WorkerDiedError
from burly.launchers.ending import afterwards, ending
from burly.state.store import StateStore


class Store:
    """A state store that does nothing but fail where it is told to."""

    def __init__(self, done: list[str], failing: dict[str, BaseException]) -> None:
        self._done, self._failing = done, failing

    def abort(self, _reason: str) -> None:
        self._do("abort")

    def clear(self) -> None:
        self._do("clear")

    def _do(self, what: str) -> None:
        if what in self._failing:
            raise self._failing[what]
        self._done.append(what)


class Functions(Store):
    """Functions that stop, or not."""

    stoppable = True

    def wait(self, _timeout_s: float) -> None:
        self._do("wait")

    def stop(self) -> None:
        self._do("stop")

    def all_ended(self) -> bool:
        return self.stoppable and "stop" in self._done


def end(
    error: BaseException, *, stoppable: bool = True, **failing: BaseException
) -> tuple[list[str], list[Event]]:
    """End a run with an error; return what was done, and what was told."""
    done: list[str] = []
    seen: list[Event] = []
    store = cast("StateStore", Store(done, failing))
    functions = Functions(done, failing)
    functions.stoppable = stoppable
    with suppress(type(error)), ending(functions, seen.append, store, store):
        raise error
    return done, seen


def notes(error: BaseException) -> list[str]:
    return getattr(error, "__notes__", [])


def test_a_cancelled_run_leaves_nothing_and_says_so() -> None:
    cancelled = KeyboardInterrupt()
    done, seen = end(cancelled)
    assert done == ["abort", "wait", "stop", "clear"]
    assert notes(cancelled) == ["no worker is left, and nothing in the state store"]
    assert [event.error for event in seen if isinstance(event, Ended)] == [
        "RunAbortedError: the run was cancelled"
    ]


def test_cancelling_again_skips_the_wait_and_nothing_else() -> None:
    cancelled = KeyboardInterrupt()
    done, _ = end(cancelled, wait=KeyboardInterrupt())
    assert done == ["abort", "stop", "clear"]
    assert notes(cancelled) == ["no worker is left, and nothing in the state store"]


def test_functions_that_cannot_be_stopped_are_not_said_to_be_gone() -> None:
    cancelled = KeyboardInterrupt()
    end(cancelled, stoppable=False)
    assert notes(cancelled)[0].startswith("workers that still run were told to end")


def test_a_store_that_is_gone_is_not_said_to_be_empty() -> None:
    cancelled = KeyboardInterrupt()
    done, _ = end(cancelled, abort=StateStoreUnreachableError("gone"))
    assert done == ["stop"]
    assert notes(cancelled)[0].startswith("no worker is left; what is in the state store could not")


def test_a_failed_run_is_told_to_all_and_can_be_resumed() -> None:
    done, seen = end(WorkerDiedError("rank 1"))
    assert done == ["abort", "wait", "stop"]
    assert [event.error for event in seen if isinstance(event, Ended)] == [
        "WorkerDiedError: rank 1"
    ]


def test_a_store_that_failed_a_run_is_not_asked_again() -> None:
    assert end(StateStoreUnreachableError("gone"))[0] == ["stop"]


@pytest.mark.parametrize("step", ["abort", "wait", "stop", "clear"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), WorkerDiedError("rank 1")])
def test_the_error_that_ended_a_run_is_told_whatever_fails_afterwards(
    error: BaseException, step: str
) -> None:
    done: list[str] = []
    failing = {step: BurlyError("another one")}
    store = cast("StateStore", Store(done, failing))
    functions = Functions(done, failing)
    with pytest.raises(type(error)) as told, ending(functions, lambda _: None, store, store):
        raise error
    assert told.value is error


def test_a_clean_up_that_fails_after_an_error_does_not_replace_it() -> None:
    def fail() -> None:
        raise BurlyError("another one")

    with pytest.raises(WorkerDiedError), afterwards(fail):
        raise WorkerDiedError("rank 1")
    with pytest.raises(BurlyError, match="another one"), afterwards(fail):
        pass
