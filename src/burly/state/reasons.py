"""Why a run was ended, as text that travels through a store."""

from __future__ import annotations

import json

from burly import exceptions
from burly.exceptions import BurlyError, RunAbortedError, describe


def packed(error: BaseException) -> str:
    """Return an error as text that travels through a store; `revive` makes it an error again."""
    if not isinstance(error, BurlyError):
        return describe(error)
    return json.dumps([type(error).__name__, error.message, error.remedy])


def revive(reason: str) -> BurlyError:
    """Return the error that `packed` wrote; what is not ours becomes a `RunAbortedError`."""
    try:
        name, message, remedy = json.loads(reason)
        kind = getattr(exceptions, name)
    except (ValueError, AttributeError, TypeError):
        return RunAbortedError(reason)
    if isinstance(kind, type) and issubclass(kind, BurlyError):
        return kind(message, remedy=remedy)
    return RunAbortedError(reason)
