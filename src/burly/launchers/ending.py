"""End a run on functions, for whatever reason: notify everybody, and leave nothing that is not needed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from burly.events import Ended
from burly.exceptions import RunAbortedError, StateStoreUnreachableError, describe
from burly.launchers.base import Observer
from burly.state.reasons import packed
from burly.state.store import StateStore

_log = logging.getLogger(__name__)

GRACE_S = 3.0
"""How long workers that were told to stop may take before local ones are killed."""


class Stoppable(Protocol):
    """The functions of a run."""

    def wait(self, timeout_s: float) -> None:
        """Wait until all have ended, but not for ever."""

    def stop(self) -> None:
        """End what still runs, where the platform lets us."""

    def all_ended(self) -> bool:
        """Return whether none runs any more, as far as their platform says."""


@contextmanager
def ending(
    functions: Stoppable, observer: Observer, store: StateStore, last: StateStore
) -> Iterator[None]:
    """End a run: leave nothing after a success or a cancel, and after a failure what resumes it.

    Whatever fails on the way out, the error that ended the run is what there is to tell; a cancel
    carries a note (`BaseException.add_note`) of what was done. Whoever cancels again cuts a step short.

    Parameters
    ----------
    functions : Stoppable
    observer : callable
    store : StateStore
        The client's handle.
    last : StateStore
        Another one, for a run that failed: it does not wait for a store that is gone as long as a run
        would.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, Exception):
            ended_by = error
            # A store that was tried in vain for so long need not be tried again.
            if not isinstance(error, StateStoreUnreachableError):
                _call_off(functions, last, error)
            _managed(functions.stop)
        else:
            ended_by = RunAbortedError("the run was cancelled")
            told = _call_off(functions, last, ended_by)
            _managed(functions.stop)
            cleared = told and _managed(last.clear)
            error.add_note(_left(ended=functions.all_ended(), told=told, cleared=cleared))
        observer(Ended(time.time(), describe(ended_by)))
        raise
    store.clear()
    functions.stop()
    observer(Ended(time.time()))


@contextmanager
def afterwards(clean_up: Callable[[], None]) -> Iterator[None]:
    """Clean up at the end; after an error that is done as far as it goes, and the error is told."""
    try:
        yield
    except BaseException:
        _managed(clean_up)
        raise
    clean_up()


def _call_off(functions: Stoppable, store: StateStore, reason: Exception) -> bool:
    """Tell the functions to end and give them a moment; return whether they were told."""
    told = _managed(lambda: store.abort(packed(reason)))
    if told:
        _managed(lambda: functions.wait(GRACE_S))
    return told


def _managed(step: Callable[[], None]) -> bool:
    """Take a step on the way out, and return whether it went well; nothing gets in the way of the next."""
    try:
        step()
    except BaseException:  # noqa: BLE001  Ctrl-C too
        _log.debug("a step of the clean-up failed", exc_info=True)
        return False
    return True


def _left(*, ended: bool, told: bool, cleared: bool) -> str:
    if ended:
        workers = "no worker is left"
    elif told:
        workers = "workers that still run were told to end, and do so after their round"
    else:
        workers = "workers that still run could not be told to end, and do so once they miss the state store"
    if cleared:
        return f"{workers}, and nothing in the state store"
    return f"{workers}; what is in the state store could not be removed, and expires by itself"
