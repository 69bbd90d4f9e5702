"""Whole runs: many ranks, many rounds, and the states that each of them saw."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from burly.contributions import Part, Reducer, Step, Totals
from burly.rounds import Rounds
from burly.state.store import StateStore
from burly.states import State
from burly.testing.state_store.base import StateStoreSuite
from burly.testing.state_store.helpers import PATIENCE_S, collect_departures


class WholeRuns(StateStoreSuite):
    """Ranks that run side by side agree about every state."""

    @pytest.mark.parametrize("memory", [0, 2])
    def test_ranks_agree_about_every_round(self, memory: int, start: Any) -> None:
        world_size, n_rounds = 4, 12
        run, client, _ = start(world_size, memory=memory, fixed=np.arange(5))
        with ThreadPoolExecutor(world_size) as threads:
            futures = [
                threads.submit(follow, run.handle(), rank, world_size, memory, n_rounds)
                for rank in range(world_size)
            ]
            seen = [future.result(PATIENCE_S) for future in futures]
        expected = predict(world_size, memory, n_rounds)
        assert seen == [expected] * world_size
        assert len(collect_departures(client, world_size)) == world_size


def follow(
    store: StateStore, rank: int, world_size: int, memory: int, n_rounds: int
) -> list[float]:
    """Take part in a run as one rank; return the values of the states."""
    rounds = Rounds(store, rank=rank, world_size=world_size, memory=memory, attempt=1)
    current = rounds.receive()
    seen = []
    while not current.done:
        part = Part(Reducer.SUM, np.array([rounds.round * (rank + 1)], dtype=np.int64))
        current = rounds.exchange(
            Step({"x": part}),
            lambda states, totals: advance(states, totals, last=rounds.round == n_rounds),
        )
        seen.append(float(current["x"][0]))
    rounds.leave()
    return seen


def advance(states: Sequence[State], totals: Totals, *, last: bool) -> State:
    """Return a state that depends on all that update may read."""
    before = sum(float(past["x"][0]) for past in states)
    arrays = {"x": np.full(3, before % 1000 + float(totals["x"][0])), "fixed": states[-1]["fixed"]}
    return State("phase", arrays, done=last)


def predict(world_size: int, memory: int, n_rounds: int) -> list[float]:
    """Return what `follow` has to see."""
    history = [0.0]
    for number in range(1, n_rounds + 1):
        contributed = number * world_size * (world_size + 1) // 2
        history.append(sum(history[-memory - 1 :]) % 1000 + contributed)
    return history[1:]
