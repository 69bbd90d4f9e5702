"""The contract of state stores finds what the author of one forgot."""

import pytest

from burly.state.memory import MemoryRun, MemoryStateStore
from burly.testing import RunUnderTest, StateStoreContract
from burly.testing.state_store.helpers import state

FAULTS = (
    "lose_everything",
    "cut_a_waiter",
    "let_time_pass",
    "time_to_live_s",
    "count_keys",
    "tamper",
)


class Forgetful(RunUnderTest):
    """A run of a store in memory that says nothing of its faults."""

    gathers = True

    def __init__(self, *, world_size=2):
        super().__init__()
        self.run = MemoryRun(world_size=world_size)

    def connect(self):
        return MemoryStateStore(self.run)


class Declared(Forgetful):
    cannot = frozenset(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_is_neither_there_nor_declared_fails(fault):
    with pytest.raises(pytest.fail.Exception, match=f"Forgetful has to have {fault}"):
        getattr(Forgetful(), fault)()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_a_store_cannot_suffer_is_skipped(fault):
    with pytest.raises(pytest.skip.Exception, match=f"Declared declares that it cannot {fault}"):
        getattr(Declared(), fault)()


def test_a_store_that_does_not_gather_as_it_declares_fails():
    run = Forgetful()

    def start(world_size):
        stores = [run.handle() for _ in range(world_size)]
        stores[0].open(state(1))
        return run, None, stores

    contract = StateStoreContract()
    with pytest.raises(AssertionError):
        contract.test_a_small_round_is_handed_to_all_ranks_if_that_is_declared(start)
