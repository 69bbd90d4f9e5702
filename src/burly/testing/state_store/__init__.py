"""What every state store has to keep, as tests; needs pytest."""

from burly.testing.state_store.contributing import Contributing
from burly.testing.state_store.fencing import Fencing
from burly.testing.state_store.gathering import Gathering
from burly.testing.state_store.helpers import PATIENCE_S, later
from burly.testing.state_store.publishing import Publishing
from burly.testing.state_store.run import RunUnderTest
from burly.testing.state_store.surviving import Surviving
from burly.testing.state_store.telling import Telling
from burly.testing.state_store.whole_runs import WholeRuns

__all__ = ["PATIENCE_S", "RunUnderTest", "StateStoreContract", "later"]


class StateStoreContract(
    Contributing, Gathering, Publishing, Fencing, Telling, Surviving, WholeRuns
):
    """What every state store has to keep, as tests: see `burly.state.store.StateStore`."""
