"""The contract between an algorithm and the engine.

An algorithm never sees a network, a file, a rank or a thread count. It says what one worker
computes from its rows for the current state (`step`), and how the totals of all workers become the
next state (`update`). Everything it does is a phase of that loop: profiling, seeding, iterating,
scoring.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from numpy.typing import NDArray

from burly.contributions import Step, Totals
from burly.data.partition import DatasetInfo, Partition
from burly.kernels import ThreadTeam
from burly.states import State

Array = NDArray[Any]


class Algorithm(ABC):
    """Frozen parameters and pure functions; travels to the workers whole.

    The bits of every total, and so of every state, depend on the data, the parameters and the seed
    alone: never on the layout, the clock or the network.
    """

    memory: ClassVar[int] = 0
    """m: how many states before the last one `update` reads."""

    @abstractmethod
    def start(self, info: DatasetInfo) -> State:
        """Return the first state; runs on the client, before anything is launched.

        Raises
        ------
        burly.exceptions.ConfigurationError, burly.exceptions.DataError
            If the parameters cannot work with this data.
        """

    @abstractmethod
    def scratch(self, partition: Partition, team: ThreadTeam) -> Any:
        """Return what `step` keeps between rounds; it can be rebuilt at any round."""

    @abstractmethod
    def step(self, state: State, partition: Partition, team: ThreadTeam, scratch: Any) -> Step:
        """Compute the contribution of a whole partition for a state."""

    @abstractmethod
    def update(self, states: Sequence[State], totals: Totals) -> State:
        """Return the next state, from the last m + 1 states (oldest first) and the totals."""

    def outputs(
        self,
        state: State,  # noqa: ARG002
        partition: Partition,  # noqa: ARG002
        team: ThreadTeam,  # noqa: ARG002
        scratch: Any,  # noqa: ARG002
    ) -> dict[str, Array]:
        """Return results as long as the partition, by name: one entry a row, in order."""
        return {}

    def contribution_bytes(self, info: DatasetInfo) -> int:  # noqa: ARG002
        """Return how many bytes a contribution has at least, for the check of rounds before a launch."""
        return 0

    def scratch_bytes(self, info: DatasetInfo) -> int:  # noqa: ARG002
        """Return how many bytes a row `scratch` needs, for the check of memory before a launch."""
        return 0

    def value_bytes(self, info: DatasetInfo) -> int:  # noqa: ARG002
        """Return how many bytes a stored value of sparse rows needs in `scratch`, for the same check."""
        return 0

    def model_bytes(self, info: DatasetInfo) -> int:  # noqa: ARG002
        """Return how many bytes states and sums need, whatever the rows, for the same check."""
        return 0


class OutputsOnly(Algorithm):
    """An algorithm whose first state is the last: it has no rounds, only outputs."""

    def start(self, info: DatasetInfo) -> State:  # noqa: ARG002
        return State("done", {}, done=True)

    def step(
        self,
        state: State,  # noqa: ARG002
        partition: Partition,  # noqa: ARG002
        team: ThreadTeam,  # noqa: ARG002
        scratch: Any,  # noqa: ARG002
    ) -> Step:
        raise TypeError(f"{type(self).__name__} has no rounds to take a step in")

    def update(self, states: Sequence[State], totals: Totals) -> State:  # noqa: ARG002
        raise TypeError(f"{type(self).__name__} has no rounds to update a state in")
