"""Which backends Lithops has, and what they need of a launcher."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from burly.exceptions import ConfigurationError
from burly.launchers.configuration import LOCALHOST

KINDS = ("serverless", "standalone")


@cache
def known_backends() -> Sequence[str]:
    """Return the names of the compute backends of the installed Lithops, without importing it."""
    spec = find_spec("lithops")
    folders = spec.submodule_search_locations if spec is not None else None
    found = {
        entry.parent.name
        for folder in folders or ()
        for kind in KINDS
        for entry in Path(folder, kind, "backends").glob("*/__init__.py")
    }
    return [LOCALHOST, *sorted(found)]


def check_backend(backend: str, *, has_state: bool) -> None:
    """Refuse a backend that does not exist, or one whose functions could not meet anywhere.

    Raises
    ------
    burly.exceptions.ConfigurationError
    """
    known = known_backends()
    if backend not in known:
        near = get_close_matches(backend, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
        raise ConfigurationError(f"Lithops has no backend {backend!r}; {hint}")
    if backend != LOCALHOST and not has_state:
        raise ConfigurationError(
            f"functions on {backend} need a state store that they can reach, and none was given",
            remedy="name a Valkey or Redis server in the functions' network with "
            "{state:rediss://HOST:6379} (or redis://, valkey://)",
        )
