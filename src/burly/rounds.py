"""A rank's view of the rounds: contribute, finish if it falls to us, publish, receive.

Whoever completes a round finishes it: it totals the contributions, runs the pure `update` and
publishes the state that all receive. Nobody else computes, nobody coordinates, and anything that is
done twice has the same result and counts once.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from burly.contributions import Totals, total
from burly.events import Event, RoundDone
from burly.algorithms.base import Step
from burly.state.store import (
    Behind,
    Complete,
    ContributionMessage,
    Newer,
    Pending,
    StateMessage,
    StateStore,
)
from burly.states import State

Update = Callable[[Sequence[State], Totals], State]


class Rounds:
    """The rounds of one run, as one rank sees them.

    Parameters
    ----------
    store : StateStore
    rank, attempt, world_size : int
    memory : int
        m of the algorithm: update reads the last m + 1 states.
    wait_s : float
        How long one wait may take before the store is asked again what it knows.
    """

    def __init__(
        self,
        store: StateStore,
        *,
        rank: int,
        attempt: int,
        world_size: int,
        memory: int,
        wait_s: float = 5.0,
    ) -> None:
        raise NotImplementedError
