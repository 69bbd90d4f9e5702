"""A run of the backend under test, and the faults that a test may ask it for."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pytest

from burly.state.store import StateStore


class RunUnderTest(ABC):
    """A run of the backend under test, and what may happen to it.

    The faults are optional: a test whose fault the backend does not know is skipped.
    """

    def __init__(self) -> None:
        self._handles: list[StateStore] = []

    @abstractmethod
    def connect(self) -> StateStore:
        """Return a new handle on the run."""

    def handle(self) -> StateStore:
        """Return a new handle that is closed at the end of the test."""
        store = self.connect()
        self._handles.append(store)
        return store

    def close(self) -> None:
        """Close all handles."""
        for store in self._handles:
            store.close()

    def lose_everything(self) -> None:
        """Make the store forget all that it has, as if it were started anew."""
        pytest.skip("this store cannot lose what it has")

    def cut_a_waiter(self) -> None:
        """Wait until a handle blocks in `StateStore.wait`, and cut its connection."""
        pytest.skip("this store has no connections")

    def let_time_pass(self) -> None:
        """Bring every key of the run close to the end of its time to live."""
        pytest.skip("in this store nothing expires")

    def time_to_live_s(self) -> float:
        """Return how long the first of the run's keys to expire still lives."""
        pytest.skip("in this store nothing expires")

    def count_keys(self) -> int:
        """Return how many keys the run has in the store."""
        pytest.skip("this store has no keys")

    def tamper(self) -> None:
        """Change a byte of a contribution that the store holds."""
        pytest.skip("in this store nothing is encoded")
