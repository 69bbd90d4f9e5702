"""What every algorithm has to keep, as tests; needs pytest."""

from __future__ import annotations

import pickle
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from burly.algorithms.base import Algorithm
from burly.contributions import Contribution, total
from burly.data.partition import Partition
from burly.data.resolved import ResolvedDataset
from burly.kernels import ThreadTeam
from burly.state.frames import FrameCodec
from burly.state.store import ContributionMessage, StateMessage
from burly.states import State

MAX_ROUNDS = 1000
"""An algorithm that takes longer does not end."""


@dataclass(frozen=True)
class Layout:
    """How a run is laid out, which must not change a bit of it.

    Attributes
    ----------
    n_workers, n_threads : int
    idle : bool
        One more worker takes part and has no rows.
    forgetful : bool
        All scratch is made anew in every round, as for workers that start again.
    framed : bool
        Contributions and states go through frames, as over a network: arrays arrive read only.
    backwards : bool
        Contributions arrive in the opposite order.
    """

    n_workers: int = 1
    n_threads: int = 1
    idle: bool = False
    forgetful: bool = False
    framed: bool = False
    backwards: bool = False


LAYOUTS = {
    "two workers": Layout(n_workers=2),
    "many workers, threads": Layout(n_workers=5, n_threads=2),
    "three threads": Layout(n_threads=3),
    "a worker without rows": Layout(idle=True),
    "scratch is lost": Layout(n_workers=2, forgetful=True),
    "over a network": Layout(n_workers=3, framed=True),
    "another order": Layout(n_workers=4, backwards=True),
    "all at once": Layout(3, 2, idle=True, forgetful=True, framed=True, backwards=True),
}


class AlgorithmRun:
    """A run of an algorithm in this thread, without stores and launchers.

    Parameters
    ----------
    algorithm : Algorithm
    data : ResolvedDataset
    layout : Layout
    rows : Partition, optional
        Of a single worker, instead of reading them.

    Attributes
    ----------
    states : list of State
        All of them, the first and the last included.
    outputs : dict of str to ndarray
        Of all workers, one after the other.
    contributed_bytes : list of int
        The most that one worker contributed in each round.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        data: ResolvedDataset,
        layout: Layout,
        rows: Partition | None = None,
    ) -> None:
        self._algorithm = algorithm
        self._layout = layout
        self._codec = FrameCodec("run", bytes(32))
        self.states: list[State] = [algorithm.start(data.info)]
        self.contributed_bytes: list[int] = []
        parts = [rows] if rows else [data.read(p, 1) for p in data.split(layout.n_workers)]
        if layout.idle:
            parts.append(Partition(data.info, []))
        with ExitStack() as stack:
            teams = [stack.enter_context(ThreadTeam(layout.n_threads)) for _ in parts]
            self._workers = list(zip(parts, teams, strict=True))
            self.outputs = self._follow()

    def _follow(self) -> dict[str, NDArray[Any]]:
        algorithm, layout = self._algorithm, self._layout
        known = deque(self.states, maxlen=algorithm.memory + 1)
        scratch = self._scratch()
        while not known[-1].done:
            assert len(self.states) < MAX_ROUNDS, f"no end after {MAX_ROUNDS} rounds"
            if layout.forgetful:
                scratch = self._scratch()
            contributions = [
                self._sent(rank, algorithm.step(known[-1], *worker, own).contribution)
                for rank, (worker, own) in enumerate(zip(self._workers, scratch, strict=True))
            ]
            order = contributions[::-1] if layout.backwards else contributions
            known.append(self._published(algorithm.update(list(known), total(order))))
            self.states.append(known[-1])
        gathered = [
            algorithm.outputs(known[-1], *worker, own)
            for worker, own in zip(self._workers, scratch, strict=True)
        ]
        return {name: np.concatenate([each[name] for each in gathered]) for name in gathered[0]}

    def _scratch(self) -> list[Any]:
        return [self._algorithm.scratch(*worker) for worker in self._workers]

    def _sent(self, rank: int, contribution: Contribution) -> Contribution:
        n_bytes = sum(part.array.nbytes for part in contribution.values())
        if rank == 0:
            self.contributed_bytes.append(n_bytes)
        self.contributed_bytes[-1] = max(self.contributed_bytes[-1], n_bytes)
        if not self._layout.framed:
            return contribution
        message = ContributionMessage(0, 1, rank, 0, contribution)
        frame = self._codec.encode_contribution(message)
        return self._codec.decode_contribution(frame, round=1, rank=rank).contribution

    def _published(self, state: State) -> State:
        if not self._layout.framed:
            return state
        frame = self._codec.encode_state(StateMessage(0, 1, state))
        return self._codec.decode_state(frame, round=1).state


class AlgorithmContract:
    """What every algorithm has to keep: see `burly.algorithms.base.Algorithm`."""

    def make_case(self) -> tuple[Algorithm, ResolvedDataset]:
        """Return an algorithm and data for it, of several shards; the same at every call."""
        raise NotImplementedError

    @pytest.fixture
    def alone(self) -> AlgorithmRun:
        """Return the run of one worker with one thread, which nothing disturbs."""
        return AlgorithmRun(*self.make_case(), Layout())

    def test_the_data_feeds_several_workers(self) -> None:
        _, data = self.make_case()
        assert len(data.shards) >= 5, "the layouts would all be the same"

    @pytest.mark.parametrize("name", LAYOUTS)
    def test_no_layout_changes_a_bit_of_any_state(self, name: str, alone: AlgorithmRun) -> None:
        other = AlgorithmRun(*self.make_case(), LAYOUTS[name])
        assert [state.phase for state in other.states] == [state.phase for state in alone.states]
        for number, (one, two) in enumerate(zip(alone.states, other.states, strict=True)):
            assert_same_arrays(one.arrays, two.arrays, f"state {number} ({one.phase})")
            assert (one.done, dict(one.figures)) == (two.done, dict(two.figures))
        assert_same_arrays(alone.outputs, other.outputs, "the outputs")

    def test_a_travelled_algorithm_computes_the_same(self, alone: AlgorithmRun) -> None:
        algorithm, data = self.make_case()
        travelled = pickle.loads(pickle.dumps(algorithm))  # noqa: S301  our own bytes
        other = AlgorithmRun(travelled, data, Layout())
        assert_same_arrays(alone.states[-1].arrays, other.states[-1].arrays, "the last state")

    def test_outputs_have_one_entry_a_row(self, alone: AlgorithmRun) -> None:
        _, data = self.make_case()
        n_rows = data.read(data.shards, 1).n_rows
        assert {name: len(each) for name, each in alone.outputs.items()} == dict.fromkeys(
            alone.outputs, n_rows
        )

    def test_the_data_is_left_as_it_was(self) -> None:
        algorithm, data = self.make_case()
        rows = data.read(data.shards, 1)
        before = [fingerprint(shard) for shard in rows.shards]
        AlgorithmRun(algorithm, data, Layout(n_threads=2), rows)
        assert [fingerprint(shard) for shard in rows.shards] == before

    def test_a_contribution_is_as_large_as_was_declared(self, alone: AlgorithmRun) -> None:
        algorithm, data = self.make_case()
        if alone.contributed_bytes:
            assert max(alone.contributed_bytes) >= algorithm.contribution_bytes(data.info)


def fingerprint(shard: Any) -> bytes:
    """Return all bytes of a shard."""
    return pickle.dumps((shard.X, shard.y, shard.weights))


def assert_same_arrays(one: Any, two: Any, where: str) -> None:
    """Compare arrays by name, to the last bit."""
    assert sorted(one) == sorted(two), where
    for name in one:
        a, b = np.asarray(one[name]), np.asarray(two[name])
        assert (a.dtype, a.shape) == (b.dtype, b.shape), f"{name} of {where}"
        assert a.tobytes() == b.tobytes(), f"{name} of {where}"
