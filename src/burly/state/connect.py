"""From an address to a handle: which store answers to the scheme of a URL."""

from __future__ import annotations

from burly.state.address import Location, RunAddress
from burly.state.store import StateStore
from burly.state.valkey import ValkeyStateStore


def connect(address: RunAddress) -> StateStore:
    """Return a handle on a run; nothing is sent before it is used.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If no state store answers to the URL's scheme.
    """
    Location.parse(address.url)
    return ValkeyStateStore(address)
