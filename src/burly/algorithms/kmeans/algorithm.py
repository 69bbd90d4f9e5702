"""K-means as a state machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from burly.algorithms.base import Algorithm
from burly.algorithms.kmeans import draw, lloyd, plus_plus, relocate, scalable, starts
from burly.algorithms.kmeans.settings import Limits, Phase, Scratch, Settings, levels_of
from burly.contributions import Step, Totals, total
from burly.data.partition import DatasetInfo, Partition
from burly.exceptions import ConfigurationError
from burly.kernels import ThreadTeam
from burly.kernels.assignment import assign
from burly.kernels.rows import Rows
from burly.states import Array, State


def reduce_candidates(settings: Settings, candidates: Partition, start: int) -> Array:
    """Return the centres of k-means on weighted candidates, all of it in this thread."""
    inner = KMeans(settings.n_clusters, seed=settings.seed ^ (start + 1), max_iter=30)
    return solve(inner, candidates)["centers"]


PHASES: Mapping[str, Phase] = MappingProxyType(
    {
        "draw": draw.PHASE,
        "k-means++": plus_plus.PHASE,
        "k-means|| reach": scalable.REACH,
        "k-means|| sample": scalable.SAMPLE,
        "k-means|| weigh": scalable.weigh(reduce_candidates),
        "lloyd": lloyd.LLOYD,
        "relocate": relocate.PHASE,
        "final": lloyd.FINAL,
        "inertia": lloyd.INERTIA,
    }
)


@dataclass(frozen=True, eq=False)
class KMeans(Settings, Algorithm):
    """Minimise the inertia, sum over rows x of weight * min over j of |x - c_j|^2.

    S. Lloyd, "Least squares quantization in PCM", 1982, with the stopping rules and the relocation
    of empty clusters of scikit-learn. One start goes through the phases ::

        draw -> k-means++ | k-means|| (reach, sample, weigh) | nothing more
             -> lloyd (relocate) -> final (inertia) -> the next start, or the end

    The last state holds centers (n_clusters, n_features), inertia, n_iter, counts (n_clusters,) and
    shift (n_features,), which a model keeps: labels are computed about it.
    """

    def start(self, info: DatasetInfo) -> State:
        if info.n_rows is not None and info.n_rows < self.n_clusters:
            raise draw.too_few(info.n_rows, self.n_clusters)
        limits = Limits(info.max_rows, info.n_shards, info.weighted)
        arrays = limits.arrays()
        if self.init != "given":
            return starts.draw(arrays, 0)
        if self.starts is None or self.starts.shape != (
            self.n_init,
            self.n_clusters,
            info.n_features,
        ):
            shape = None if self.starts is None else self.starts.shape
            raise ConfigurationError(
                f"starts must have shape {(self.n_init, self.n_clusters, info.n_features)}, "
                f"got {shape}"
            )
        return starts.draw(arrays, 0) if info.weighted else starts.begin(self, arrays, 0)

    def scratch(self, partition: Partition, team: ThreadTeam) -> Scratch:
        return Scratch.of(partition, team)

    def step(
        self,
        state: State,
        partition: Partition,  # noqa: ARG002
        team: ThreadTeam,  # noqa: ARG002
        scratch: Scratch,
    ) -> Step:
        return PHASES[state.phase].step(self, state, scratch)

    def update(self, states: Sequence[State], totals: Totals) -> State:
        state = states[-1]
        return PHASES[state.phase].update(self, state, totals)

    def outputs(
        self,
        state: State,
        partition: Partition,  # noqa: ARG002
        team: ThreadTeam,
        scratch: Scratch,
    ) -> dict[str, Array]:
        centers = state["centers"]
        last, known = scratch.lloyd, scratch.labelled
        if last is not None and known is not None and np.array_equal(known, centers):
            scratch.lloyd = None
            return {"labels": last.take_labels()}
        rows = Rows(scratch.partition, team)
        return {"labels": assign(rows, team, centers, state["shift"])}

    def contribution_bytes(self, info: DatasetInfo) -> int:
        k, d = self.n_clusters, info.n_features
        levels = levels_of(info.dtype, weighted=info.weighted)
        # Of an iteration: sums, counts, and sums of weights. Seeding can have more only where rows are short.
        return 8 * (levels * k * d + k + 2 * k * info.weighted)

    def scratch_bytes(self, info: DatasetInfo) -> int:
        # Labels and gaps; while seeding, the nearest seed and its squared distance.
        return 8 + 4 + info.dtype.itemsize


def solve(algorithm: Algorithm, partition: Partition) -> State:
    """Run an algorithm on rows that lie here, in this thread: the loop without a store."""
    with ThreadTeam(1) as team:
        state = algorithm.start(partition.info)
        scratch = algorithm.scratch(partition, team)
        while not state.done:
            step = algorithm.step(state, partition, team, scratch)
            state = algorithm.update([state], total([step.contribution]))
    return state
