"""Arrays that did not change are sent once: which ones a state leaves out, and what they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from burly.state.store import StateMessage
from burly.states import Array, State


class Carrier:
    """What one handle knows of the arrays of states, be they in the store or made by its rank.

    An array that a state in the store leaves out is known by the round that published it, its
    origin. Ranks may name different origins for one array, as not every rank learns of every
    publication: what counts is that it did not change from its origin to the last state known here.

    A round may be published twice with different contents: by two ranks of which only one is heard,
    or again after a failover that lost it. So the state of which origins are known has a mark, and
    they are good while the store has the state with that mark.
    """

    def __init__(self) -> None:
        self._round = 0
        self._since: dict[str, tuple[int, Array]] = {}
        self._in_store: dict[str, tuple[int, Array]] = {}
        self._base = (0, "")

    @property
    def base(self) -> str:
        """The last state that is known to have been in the store, as ROUND=MARK."""
        return "{}={}".format(*self._base)

    def made(self, message: StateMessage) -> None:
        """Take note of a state that its rank made, and that may not be in the store."""
        since = self._since
        self._since = {}
        for name, array in message.state.arrays.items():
            known = since.get(name)
            is_same = known is not None and known[1] is array
            self._since[name] = known if is_same and known else (message.round, array)
        self._round = message.round

    def stored(self, message: StateMessage, mark: str) -> None:
        """Take note of a complete state that is in the store, and of its mark there."""
        self.made(message)
        self._base = (message.round, mark)
        self._in_store = {}
        for name, array in message.state.arrays.items():
            origin = message.carried.get(name, message.round)
            since, _ = self._since[name]
            self._since[name] = (min(origin, since), array)
            self._in_store[name] = (origin, array)

    def left_out(self, state: State, present: Mapping[int, str] | None) -> Mapping[str, int]:
        """Return the origins of the arrays that a state can leave out.

        Parameters
        ----------
        state : State
        present : mapping of int to str, or None
            The rounds whose states the store has, and their marks; None: those that it once had.
        """
        number, mark = self._base
        if present is not None and present.get(number) != mark:
            return {}
        origins = {}
        for name, array in state.arrays.items():
            origin, known = self._in_store.get(name, (0, None))
            if known is array and (present is None or origin in present):
                origins[name] = origin
        return origins

    def complete(self, message: StateMessage) -> StateMessage | None:
        """Return a state from the store with the arrays that it left out; None: one is not known."""
        arrays = {}
        for name, origin in message.carried.items():
            since, array = self._since.get(name, (0, None))
            if array is None or not since <= origin <= self._round:
                return None
            arrays[name] = array
        return completed(message, arrays)


def completed(message: StateMessage, carried: Mapping[str, Array]) -> StateMessage:
    """Return a state with the arrays that it left out."""
    if not carried:
        return message
    arrays = {**message.state.arrays, **carried}
    return replace(message, state=replace(message.state, arrays=arrays))
