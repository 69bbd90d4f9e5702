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

from burly.contracts.algorithm import AlgorithmContract, Layout
from burly.contracts.state_store import PATIENCE_S, RunUnderTest, StateStoreContract, later

__all__ = [
    "PATIENCE_S",
    "AlgorithmContract",
    "Layout",
    "RunUnderTest",
    "StateStoreContract",
    "later",
]
