"""First centres for k-means.

k-means++ (D. Arthur and S. Vassilvitskii, SODA 2007; greedy, as in scikit-learn): each further seed is
drawn with probability proportional to ``w * D**2``, the weighted squared distance to the nearest seed so
far; of ``2 + log(k)`` such draws the one that leaves the least is taken. One round a seed: while the
trials of this seed are measured, the draws for the next one are made for every trial that may win.

k-means|| (B. Bahmani, B. Moseley, A. Vattani, R. Kumar and S. Vassilvitskii, VLDB 2012): a few rounds, in
each of which every row is drawn by itself with probability ``2 k w D**2 / sum(w D**2)``; the candidates,
weighted by the rows that are nearest to them, are then clustered themselves.

random: k rows, drawn by weight without replacement.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.kmeans import iterating
from burly.algorithms.kmeans.arithmetic import exponents_for, grid_of
from burly.contributions import Part, Reducer, Step, Totals
from burly.data.partition import DatasetInfo, Partition, ShardRows
from burly.exact_sum import Grid
from burly.exceptions import DataError
from burly.kernels import ThreadTeam
from burly.states import State

if TYPE_CHECKING:
    from burly.algorithms.kmeans.scratch import Scratch
    from burly.algorithms.kmeans.training import KMeans

Array = NDArray[Any]

CHUNK = 64
"""Seeds in one array of the state: full ones do not change, and are not sent again."""
SPREADS = 5
"""Rounds of drawing in k-means||; more only while there are fewer candidates than clusters."""
MOST_SPREADS = 20
DRAWS_A_START = 1 << 16
"""Numbers of draws that one start may use."""


def begin(algorithm: KMeans, arrays: Mapping[str, Array]) -> State:
    """Return the first state of seeding."""
    return State("race" if algorithm.init == "random" else "first", arrays)


def _number(algorithm: KMeans, state: State, draw: int) -> int:
    """Return the number of a draw among all of a run."""
    most = max(DRAWS_A_START, algorithm.n_clusters + 2)
    return (int(state["number"]) * most + draw) % (1 << 32)


# --- weights --------------------------------------------------------------------------------------


def _step_weigh(algorithm: KMeans, state: State, scratch: Scratch) -> Step:  # noqa: ARG001
    shards = scratch.partition.shards
    given = [shard.weights for shard in shards if shard.weights is not None and len(shard.weights)]
    ends = [(float(w.min()), float(w.max())) for w in given]
    least = min((low for low, _ in ends), default=np.inf)
    most = max((high for _, high in ends), default=-np.inf)
    positive = [w[w > 0] for w in given]
    smallest = min((float(w.min()) for w in positive if len(w)), default=np.inf)
    finite = all(np.isfinite(w).all() for w in given)
    return Step(
        {
            "least": Part(Reducer.MIN, np.array(least)),
            "most": Part(Reducer.MAX, np.array(most)),
            "smallest": Part(Reducer.MIN, np.array(smallest)),
            "finite": Part(Reducer.MIN, np.array(int(finite))),
        }
    )


def _update_weigh(algorithm: KMeans, state: State, totals: Totals) -> State:
    if not int(totals["finite"]):
        raise DataError("sample_weight contains NaN or infinity; remove or fill these entries")
    if float(totals["least"]) < 0:
        raise DataError(
            f"sample_weight has negative entries, the least is {float(totals['least'])}; weights "
            "are zero or more"
        )
    if not float(totals["most"]) > 0:
        raise DataError("all entries of sample_weight are zero; some row has to count")
    arrays = {name: array for name, array in state.arrays.items() if name != "zeros"}
    most = totals["most"]
    arrays["weights"] = np.array([float(totals["smallest"]), float(most)])
    arrays["weight_exponents"] = exponents_for(np.array([float(most)]), int(state["max_rows"]))
    return algorithm.begin(arrays, state["zeros"].dtype)


# --- random ---------------------------------------------------------------------------------------


def _step_race(algorithm: KMeans, state: State, scratch: Scratch) -> Step:
    rows = scratch.seeder().race(
        algorithm.n_clusters, seed=algorithm.seed, number=_number(algorithm, state, 0)
    )
    return Step({"rows": Part(Reducer.ROWS, rows, algorithm.n_clusters)})


def _update_race(algorithm: KMeans, state: State, totals: Totals) -> State:
    centers = np.ascontiguousarray(totals["rows"]["values"])
    if len(centers) < algorithm.n_clusters:
        raise DataError(iterating.too_few(len(centers), algorithm.n_clusters))
    return iterating.begin(state.arrays, centers)


# --- the first seed -------------------------------------------------------------------------------


def _step_first(algorithm: KMeans, state: State, scratch: Scratch) -> Step:
    scratch.seeder().forget()
    number = _number(algorithm, state, 0)
    rows = scratch.seeder().race(1, seed=algorithm.seed, number=number)
    return Step({"rows": Part(Reducer.ROWS, rows, 1)})


def _update_first(algorithm: KMeans, state: State, totals: Totals) -> State:
    first = np.ascontiguousarray(totals["rows"]["values"])
    if len(first) == 0:
        raise DataError("the data has no rows of positive weight")
    arrays = dict(state.arrays) | {"draw": np.array(1), "fresh": first}
    if algorithm.init == "k-means||":
        return State("spread", arrays | {"seeds.0": first})
    if algorithm.n_clusters == 1:
        return iterating.begin(arrays, first)
    return State("seed", arrays | {"seeds.0": first, "trials": first[:0]})


# --- k-means++ ------------------------------------------------------------------------------------


def n_trials(n_clusters: int) -> int:
    """Return how many draws compete to be the next seed."""
    return 2 + int(math.log(n_clusters))


def _seeds(state: State) -> Array:
    """Return all seeds so far; the fresh ones come last."""
    n_chunks = sum(name.startswith("seeds.") for name in state.arrays)
    return np.concatenate([state[f"seeds.{i}"] for i in range(n_chunks)])


def _with_seeds(arrays: Mapping[str, Array], fresh: Array) -> dict[str, Array]:
    """Return arrays with further seeds; chunks that are full stay the objects they are."""
    extended = dict(arrays)
    last = sum(name.startswith("seeds.") for name in arrays) - 1
    rows = np.concatenate([arrays[f"seeds.{last}"], fresh])
    for i in range(0, len(rows), CHUNK):
        extended[f"seeds.{last + i // CHUNK}"] = rows[i : i + CHUNK]
    extended["fresh"] = fresh
    return extended


def _catch_up(state: State, scratch: Scratch) -> None:
    """Take in the seeds that came before the fresh ones, where this worker has not seen them."""
    seeder, seeds = scratch.seeder(), _seeds(state)
    before = len(seeds) - len(state["fresh"])
    if seeder.n_seeds not in (before, len(seeds)):
        seeder.forget()
        if before:
            seeder.sweep(seeds[:before], seeds[:0])


def _sweep(state: State, scratch: Scratch, trials: Array) -> NDArray[np.float64]:
    _catch_up(state, scratch)
    seeder, fresh = scratch.seeder(), state["fresh"]
    is_new = seeder.n_seeds != len(_seeds(state))
    return seeder.sweep(fresh if is_new else fresh[:0], trials)


def _potentials(state: State, totals: NDArray[np.float64]) -> dict[str, Part]:
    """Return what is left, exactly summed over shards, once a bound on a shard's share is known."""
    if "potential_exponents" not in state.arrays:
        largest = totals.max(initial=0.0)
        return {"largest": Part(Reducer.MAX, np.array(largest))}
    grid = _potential_grid(state)
    return {"potentials": Part(Reducer.SUM, grid.round(totals[..., np.newaxis])[..., 0].sum(axis=1))}


def _potential_grid(state: State) -> Grid:
    return grid_of(state["potential_exponents"], int(state["max_rows"]), 2)


def _step_seed(algorithm: KMeans, state: State, scratch: Scratch) -> Step:
    totals = _sweep(state, scratch, state["trials"])
    draws = scratch.seeder().draw(
        totals,
        n_trials(algorithm.n_clusters),
        seed=algorithm.seed,
        number=_number(algorithm, state, int(state["draw"])),
    )
    return Step(_potentials(state, totals) | {"draws": Part(Reducer.FIRST, draws)})


def _update_seed(algorithm: KMeans, state: State, totals: Totals) -> State:
    count = n_trials(algorithm.n_clusters)
    drawn = totals["draws"]["values"]
    arrays = dict(state.arrays) | {"draw": np.array(int(state["draw"]) + 1)}
    if "largest" in totals:
        # The first sweep: no trials yet, but draws, and a bound for all that follows.
        if not np.isfinite(totals["largest"]):
            return _explained(state)
        arrays["potential_exponents"] = exponents_for(totals["largest"][np.newaxis], _rows(state))
        return State("seed", arrays | {"trials": np.ascontiguousarray(drawn)})
    potentials = _potential_grid(state).decode(totals["potentials"][..., np.newaxis])[:, 0]
    best = int(np.argmin(potentials))
    arrays = _with_seeds(arrays, state["trials"][best : best + 1])
    n_seeds = len(_seeds(State("seed", arrays)))
    figures = {"seeds": float(n_seeds), "potential": float(potentials[best])}
    if n_seeds == algorithm.n_clusters:
        return iterating.begin(arrays, _seeds(State("seed", arrays)))
    arrays["trials"] = np.ascontiguousarray(drawn[best * count : (best + 1) * count])
    return State("seed", arrays, figures=figures)


def _rows(state: State) -> int:
    return int(state["max_rows"])


def _explained(state: State) -> State:
    """Go and count what is not finite; centres and bounds are needed there, but not their values."""
    zeros = np.zeros_like(_seeds(state)[:1])
    begun = iterating.begin(state.arrays, zeros)
    return State("explain", begun.arrays)


# --- k-means|| ------------------------------------------------------------------------------------


def _step_spread(algorithm: KMeans, state: State, scratch: Scratch) -> Step:  # noqa: ARG001
    return Step(_potentials(state, _sweep(state, scratch, state["fresh"][:0])))


def _update_spread(algorithm: KMeans, state: State, totals: Totals) -> State:  # noqa: ARG001
    if "largest" in totals:
        if not np.isfinite(totals["largest"]):
            return _explained(state)
        exponents = exponents_for(totals["largest"][np.newaxis], _rows(state))
        return State("spread", dict(state.arrays) | {"potential_exponents": exponents})
    left = _potential_grid(state).decode(totals["potentials"][..., np.newaxis])[:, 0]
    n_seeds = len(_seeds(state))
    figures = {"seeds": float(n_seeds), "potential": float(left[0])}
    draw = int(state["draw"])
    is_enough = draw > SPREADS and n_seeds >= algorithm.n_clusters
    if is_enough or draw > MOST_SPREADS or left[0] <= 0:
        return State("ponder", state.arrays, figures=figures)
    return State("sample", dict(state.arrays) | {"left": left}, figures=figures)


def _step_sample(algorithm: KMeans, state: State, scratch: Scratch) -> Step:
    _catch_up(state, scratch)
    if scratch.seeder().n_seeds != len(_seeds(state)):
        scratch.seeder().sweep(state["fresh"], state["fresh"][:0])
    rows = scratch.seeder().sample(
        2.0 * algorithm.n_clusters / float(state["left"][0]),
        seed=algorithm.seed,
        number=_number(algorithm, state, int(state["draw"])),
    )
    return Step({"rows": Part(Reducer.ROWS, rows)})


def _update_sample(algorithm: KMeans, state: State, totals: Totals) -> State:  # noqa: ARG001
    arrays = dict(state.arrays) | {"draw": np.array(int(state["draw"]) + 1)}
    return State("spread", _with_seeds(arrays, np.ascontiguousarray(totals["rows"]["values"])))


def _step_ponder(algorithm: KMeans, state: State, scratch: Scratch) -> Step:  # noqa: ARG001
    _sweep(state, scratch, state["fresh"][:0])
    weights = scratch.seeder().weigh(len(_seeds(state)))
    rounded = _ponder_grid(state).round(weights[..., np.newaxis])[..., 0].sum(axis=1)
    return Step({"weights": Part(Reducer.SUM, rounded)})


def _ponder_grid(state: State) -> Grid:
    most = float(state["weights"][1]) if "weights" in state.arrays else 1.0
    bound = np.array([most * _rows(state)])
    return grid_of(exponents_for(bound, _rows(state)), _rows(state), 2)


def _update_ponder(algorithm: KMeans, state: State, totals: Totals) -> State:
    """Cluster the candidates: few enough for whoever finishes this round."""
    weights = _ponder_grid(state).decode(totals["weights"][..., np.newaxis])[:, 0]
    used = weights > 0
    candidates = np.ascontiguousarray(_seeds(state)[used])
    if len(candidates) <= algorithm.n_clusters:
        # Fewer distinct rows than clusters: the rest are copies, and end up empty.
        centers = np.resize(candidates, (algorithm.n_clusters, candidates.shape[1]))
        return iterating.begin(state.arrays, centers)
    inner = replace(
        algorithm, init="k-means++", n_init=1, max_iter=20, tol=0.0, seed=algorithm.seed ^ 1
    )
    info = DatasetInfo(
        candidates.shape[1], candidates.dtype, 1, len(candidates), len(candidates), weighted=True
    )
    partition = Partition(info, [ShardRows(0, candidates, None, weights[used])])
    inner_state = inner.start(info)
    with ThreadTeam(1) as team:
        scratch = inner.scratch(partition, team)
        while not inner_state.done:
            step = inner.step(inner_state, partition, team, scratch)
            inner_totals = {name: part.array for name, part in step.contribution.items()}
            inner_state = inner.update([inner_state], inner_totals)
    return iterating.begin(state.arrays, inner_state["centers"])


STEPS = {
    "weigh": _step_weigh,
    "race": _step_race,
    "first": _step_first,
    "seed": _step_seed,
    "spread": _step_spread,
    "sample": _step_sample,
    "ponder": _step_ponder,
}
UPDATES = {
    "weigh": _update_weigh,
    "race": _update_race,
    "first": _update_first,
    "seed": _update_seed,
    "spread": _update_spread,
    "sample": _update_sample,
    "ponder": _update_ponder,
}
