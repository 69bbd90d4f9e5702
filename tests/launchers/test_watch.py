"""The client's view of a run, with a gang that is made up."""

from collections.abc import Mapping

import numpy as np
import pytest

from burly.events import Event, WorkerStarted
from burly.exceptions import NonFiniteError, WorkerDiedError
from burly.launchers.watch import Watch
from burly.state.memory import MemoryRun, MemoryStateStore
from burly.state.reasons import packed
from burly.state.store import StateMessage
from burly.states import State

FIRST = State("phase", {"x": np.zeros(1)})
HERE = WorkerStarted(1.0, 0, 0, 1, 0.5, "host", "avx2")


class Gang:
    def __init__(self, ended: Mapping[int, str] | None = None) -> None:
        self._ended = ended or {}

    def started(self) -> int:
        return 1

    def ended(self) -> Mapping[int, str]:
        return self._ended


def watched(gang: Gang) -> tuple[Watch, MemoryStateStore, list[Event]]:
    """Return a watch over a run of one rank, that rank's handle, and what is observed."""
    run = MemoryRun(world_size=1)
    client, rank = MemoryStateStore(run), MemoryStateStore(run)
    client.open(StateMessage(0, 1, FIRST))
    seen: list[Event] = []
    watch = Watch(client, gang, world_size=1, observer=seen.append, start_timeout_s=60)
    return watch, rank, seen


def test_an_error_while_outputs_are_written_is_told_as_what_it_was() -> None:
    watch, rank, _ = watched(Gang())
    rank.abort(packed(NonFiniteError("column x has a NaN")))
    with pytest.raises(NonFiniteError, match="column x has a NaN"):
        watch.until_left(writing=True)


def test_an_error_of_a_worker_counts_more_than_that_its_function_ended() -> None:
    watch, rank, _ = watched(Gang({0: "it ended"}))
    rank.abort(packed(NonFiniteError("column x has a NaN")))
    with pytest.raises(NonFiniteError):
        watch.until_done(FIRST)


def test_workers_are_seen_to_start_before_there_is_a_state() -> None:
    watch, rank, seen = watched(Gang({0: "it ended"}))
    rank.join(0, 0, [HERE])
    with pytest.raises(WorkerDiedError):
        watch.until_done(FIRST)
    assert seen == [HERE]
