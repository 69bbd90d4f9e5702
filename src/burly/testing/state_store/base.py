"""How each test of the suite opens its run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from burly.state.store import StateStore
from burly.testing.state_store.helpers import state
from burly.testing.state_store.run import RunUnderTest


class StateStoreSuite:
    """Opens runs of a backend, and closes them at the end of the test."""

    def make_run(self, *, world_size: int, memory: int, lease_s: float) -> RunUnderTest:
        """Return a run that is not opened yet."""
        raise NotImplementedError

    @pytest.fixture
    def start(self) -> Iterator[Callable[..., tuple[RunUnderTest, StateStore, list[StateStore]]]]:
        """Open a run; gives the run, the client's handle, and one handle a rank, joined."""
        runs: list[RunUnderTest] = []

        def start(
            world_size: int = 2, *, memory: int = 0, lease_s: float = 60.0, **arrays: Any
        ) -> tuple[RunUnderTest, StateStore, list[StateStore]]:
            run = self.make_run(world_size=world_size, memory=memory, lease_s=lease_s)
            runs.append(run)
            client = run.handle()
            client.open(state(1, **arrays))
            ranks = [run.handle() for _ in range(world_size)]
            for rank, store in enumerate(ranks):
                store.join(rank, 0)
            return run, client, ranks

        yield start
        for run in runs:
            run.close()
