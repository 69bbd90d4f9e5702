"""From an address to a handle: which store answers to the scheme of a URL."""

from __future__ import annotations

from burly.state.address import Location, RunAddress
from burly.state.store import StateStore
from burly.state.valkey import ValkeyStateStore


def connect(address: RunAddress, n_threads: int = 1) -> StateStore:
    """Return a handle on a run; nothing is sent before it is used.

    Parameters
    ----------
    address : RunAddress
    n_threads : int, default=1
        How many threads may read what is large.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If no state store answers to the URL's scheme.
    """
    Location.parse(address.url)
    return ValkeyStateStore(address, n_threads)
