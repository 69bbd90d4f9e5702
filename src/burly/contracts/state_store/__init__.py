"""What every state store has to keep, as tests; needs pytest."""

from burly.contracts.state_store.contributing import Contributing
from burly.contracts.state_store.fencing import Fencing
from burly.contracts.state_store.gathering import Gathering
from burly.contracts.state_store.helpers import PATIENCE_S, later
from burly.contracts.state_store.publishing import Publishing
from burly.contracts.state_store.run import RunUnderTest
from burly.contracts.state_store.surviving import Surviving
from burly.contracts.state_store.telling import Telling
from burly.contracts.state_store.whole_runs import WholeRuns

__all__ = ["PATIENCE_S", "RunUnderTest", "StateStoreContract", "later"]


class StateStoreContract(
    Contributing, Gathering, Publishing, Fencing, Telling, Surviving, WholeRuns
):
    """What every state store has to keep, as tests: see `burly.state.store.StateStore`."""
