"""Contracts as test suites: subclass one in your own tests to see that what you made keeps it.

::

    class TestMyStateStore(StateStoreContract):
        def make_run(self, *, world_size, memory, lease_s):
            return MyRun(...)

    class TestMyAlgorithm(AlgorithmContract):
        def make_case(self):
            return MyAlgorithm(...), from_arrays(X)

Needs pytest.
"""

import pytest

# Before they are imported, so that a failed test shows what it compared.
pytest.register_assert_rewrite("burly.testing.algorithm", "burly.testing.state_store")

from burly.testing.algorithm import AlgorithmContract, AlgorithmRun, Layout  # noqa: E402
from burly.testing.state_store import (  # noqa: E402
    PATIENCE_S,
    RunUnderTest,
    StateStoreContract,
    later,
)

__all__ = [
    "PATIENCE_S",
    "AlgorithmContract",
    "AlgorithmRun",
    "Layout",
    "RunUnderTest",
    "StateStoreContract",
    "later",
]
