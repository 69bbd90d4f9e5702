"""A run of the backend under test, and the faults that a test may ask it for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NoReturn

import pytest

from burly.state.store import StateStore


class RunUnderTest(ABC):
    """A run of the backend under test, and what may happen to it.

    Every fault below has to be there, or be declared one that the backend cannot suffer: its tests
    are skipped then.
    """

    gathers: ClassVar[bool]
    """Whether the store hands small rounds to all ranks."""

    cannot: ClassVar[frozenset[str]] = frozenset()
    """The names of the methods below that make no sense for this backend."""

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
        self._lacks("lose_everything")

    def cut_a_waiter(self) -> None:
        """Wait until a handle blocks in `StateStore.wait`, and cut its connection."""
        self._lacks("cut_a_waiter")

    def let_time_pass(self) -> None:
        """Bring every key of the run close to the end of its time to live."""
        self._lacks("let_time_pass")

    def time_to_live_s(self) -> float:
        """Return how long the first of the run's keys to expire still lives."""
        self._lacks("time_to_live_s")

    def count_keys(self) -> int:
        """Return how many keys the run has in the store."""
        self._lacks("count_keys")

    def tamper(self) -> None:
        """Change a byte of a contribution that the store holds."""
        self._lacks("tamper")

    def _lacks(self, fault: str) -> NoReturn:
        name = type(self).__name__
        if fault in self.cannot:
            pytest.skip(f"{name} declares that it cannot {fault}")
        pytest.fail(f"{name} has to have {fault}, or to name it in `cannot`")
