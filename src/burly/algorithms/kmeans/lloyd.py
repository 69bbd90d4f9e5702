"""Lloyd's iteration, and what becomes of its totals.

With labels l, weights w, centres c and S_j, W_j the exact sums of w x and w over cluster j, a round
makes c_j = S_j / W_j. An empty cluster is relocated first (`relocate`). The iteration has converged
when no centre changed a bit, which it does not exactly when no label changed, or when the squared
movements of all centres together are at most tol times the mean variance of the features. Unless no
centre changed, one more round makes labels and inertia those of the last centres.

The inertia comes from the sums, about the shift s: sum w |x - s|^2 is known from the first round, and
each cluster takes off 2 (c - s)(S - s W) - W |c - s|^2. Where that cancels, a pass computes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import is_
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.kmeans import starts
from burly.algorithms.kmeans.settings import (
    Limits,
    Phase,
    Scratch,
    Settings,
    levels_of,
    ordered_sum,
    overflow_error,
    without,
)
from burly.contributions import Part, Reducer, Step, Totals
from burly.data.checks import count_non_finite, refuse_counts
from burly.exact_sum import MAX_EXPONENT, Grid, grid_for
from burly.exceptions import DataError
from burly.kernels.assignment import own_distances
from burly.kernels.linear_algebra import dot
from burly.kernels.lloyd import Lloyd, LloydTotals
from burly.states import Array, State

CANCELLED = 1e-3
"""An inertia below this share of the squares about the shift is computed by a pass of its own."""
DIGITS = 2.0**30
"""A row of a weighted cluster weighs at least so many of the smallest quanta, in the mean."""


@dataclass(frozen=True)
class Grids:
    """How the sums of a round are rounded."""

    terms: Grid
    weights: Grid | None
    squares: Grid

    _recent: ClassVar[tuple[list[Array], Grids] | None] = None

    @classmethod
    def of(cls, state: State) -> Grids:
        """Return the grids of a state; the last ones are kept for states that carry the same arrays on."""
        sources = [state[name] for name in ("bounds", "shift", "limits", "heaviest")]
        recent = cls._recent
        if recent is None or not all(map(is_, recent[0], sources)):
            recent = cls._recent = sources, cls._of(state)
        return recent[1]

    @classmethod
    def _of(cls, state: State) -> Grids:
        bounds, dtype, limits = state["bounds"], state["shift"].dtype, Limits.of(state)
        terms = grid_for(bounds[0], limits.max_rows, levels_of(dtype, weighted=limits.weighted))
        squares = grid_for(bounds[1], limits.max_rows, 2)
        if not limits.weighted:
            return cls(terms, None, squares)
        return cls(terms, grid_for(np.array([limits.largest_weight]), limits.max_rows, 2), squares)

    def hold(self, magnitudes: Array) -> bool:
        """Tell whether terms and squares of these sizes, of shape (2, n_features), are within bounds."""
        return self.terms.holds(magnitudes[0]) and self.squares.holds(magnitudes[1])


def step(settings: Settings, state: State, scratch: Scratch) -> Step:
    """Label all rows by the centres, and sum them by label."""
    grids = Grids.of(state)
    lloyd = _lloyd(settings, state, scratch, grids)
    measuring = "squares" not in state.arrays
    centers = state["centers"]
    totals = lloyd.measure(centers, grids.squares) if measuring else lloyd.step(centers)
    scratch.labelled = centers
    parts = _parts(totals)
    if totals.measured is not None:
        found = totals.measured
        odd = np.zeros(scratch.partition.info.n_features, dtype=np.int64)
        if not found.finite:
            odd = count_non_finite(scratch.partition)
        parts["odd"] = Part(Reducer.SUM, odd)
        parts["overflow"] = Part(Reducer.MAX, np.array([float(not found.finite)]))
        magnitudes = np.where(np.isnan(found.magnitudes), np.inf, found.magnitudes)
        parts["magnitudes"] = Part(Reducer.MAX, magnitudes)
        parts["squares"] = Part(Reducer.SUM, found.squares)
    return Step(parts, {"moved": float(totals.moved), "evaluated": float(totals.evaluated)})


def _lloyd(settings: Settings, state: State, scratch: Scratch, grids: Grids) -> Lloyd:
    last = int(state["start"]) + 1 == settings.n_init
    if last:
        scratch.seeder = None
    bounds = state["bounds"]
    known = scratch.bounds
    is_known = known is bounds or (known is not None and np.array_equal(known, bounds))
    if scratch.lloyd is None or not is_known:
        scratch.lloyd = Lloyd(
            scratch.partition,
            settings.n_clusters,
            scratch.team,
            shift=state["shift"],
            grid=grids.terms,
            weight_grid=grids.weights,
            dense=settings.dense,
        )
        scratch.bounds = bounds
    return scratch.lloyd


def _parts(totals: LloydTotals) -> dict[str, Part]:
    parts = {
        "sums": Part(Reducer.SUM, totals.sums),
        "counts": Part(Reducer.SUM, totals.counts),
    }
    if totals.weight_sums is not None:
        parts["weights"] = Part(Reducer.SUM, totals.weight_sums)
    return parts


@dataclass(frozen=True, slots=True)
class Clusters:
    """The sums of a round as numbers: sums (k, d), weights (k,)."""

    sums: NDArray[np.float64]
    weights: NDArray[np.float64]


def decode(state: State, totals: Totals) -> Clusters:
    """Return the sums of a round as numbers."""
    grids = Grids.of(state)
    if grids.weights is None:
        weights = totals["counts"].astype(np.float64)
    else:
        weights = grids.weights.decode(totals["weights"][..., np.newaxis])[..., 0]
    return Clusters(grids.terms.decode(totals["sums"]), weights)


def update(settings: Settings, state: State, totals: Totals) -> State:
    """Move the centres; or measure once more; or relocate empty clusters first."""
    if "squares" not in state.arrays:
        measured = _measured(settings, state, totals)
        if "squares" not in measured.arrays:
            return measured
        state = measured
    clusters = decode(state, totals)
    _refuse_light(state, totals, clusters)
    n_empty = int(np.count_nonzero(clusters.weights == 0))
    if n_empty:
        return State("relocate", {**state.arrays, "n_empty": np.array(n_empty)})
    return advance(settings, state, totals, clusters)


def _refuse_light(state: State, totals: Totals, clusters: Clusters) -> None:
    """Refuse clusters whose weights have lost their digits beside the heaviest row's."""
    grid = Grids.of(state).weights
    if grid is None:
        return
    quantum = float(grid.quanta[-1, 0])
    light = (clusters.weights > 0) & (clusters.weights < totals["counts"] * (DIGITS * quantum))
    if light.any():
        raise DataError(
            f"the rows of {np.count_nonzero(light)} clusters weigh less than {DIGITS * quantum:.1g} "
            f"in the mean, too little to be summed exactly beside weights of up to "
            f"{Limits.of(state).largest_weight:.3g}; give rows that do not count the weight 0"
        )


def _measured(settings: Settings, state: State, totals: Totals) -> State:
    """Check the first round, and keep what it measured; a bound that was missed repeats it."""
    refuse_counts(totals["odd"], settings.feature_names)
    magnitudes = totals["magnitudes"]
    if totals["overflow"][0] or not (magnitudes <= np.ldexp(1.0, MAX_EXPONENT)).all():
        raise overflow_error(state["centers"].dtype)
    n_rows = int(totals["counts"].sum())
    if n_rows < settings.n_clusters:
        raise DataError(
            f"n_samples={n_rows} should be >= n_clusters={settings.n_clusters}: "
            "there are fewer rows than clusters; ask for fewer clusters"
        )
    grids = Grids.of(state)
    if not grids.hold(magnitudes):
        return State("lloyd", {**state.arrays, "bounds": magnitudes})
    clusters = decode(state, totals)
    squares = grids.squares.decode(totals["squares"])
    weight = ordered_sum(clusters.weights)
    shift = state["shift"].astype(np.float64)
    means = np.add.accumulate(clusters.sums, axis=0)[-1] / weight - shift
    variances = np.maximum(squares / weight - means * means, 0.0)
    scale = np.array([ordered_sum(squares), ordered_sum(variances) / len(variances)])
    return State("lloyd", {**state.arrays, "squares": scale})


def advance(settings: Settings, state: State, totals: Totals, clusters: Clusters) -> State:
    """Move the centres to the means of their clusters, and see whether that is the end."""
    centers = state["centers"]
    moved = means(clusters, centers.dtype)
    n_iter = int(state["n_iter"]) + 1
    arrays = {**without(state, "n_empty"), "n_iter": np.array(n_iter)}
    off = np.subtract(moved, centers, dtype=np.float64)
    if not off.any():
        return finish(settings, State("final", arrays), totals)
    shift = dot(off, off)
    arrays["centers"] = moved
    ended = shift <= settings.tol * float(state["squares"][1]) or n_iter == settings.max_iter
    figures = {"iteration": float(n_iter), "shift": shift}
    return State("final" if ended else "lloyd", arrays, figures=figures)


def means(clusters: Clusters, dtype: np.dtype[np.floating]) -> Array:
    """Return the means of clusters; an empty one lies where the heaviest one does."""
    weights = clusters.weights
    full = weights > 0
    if full.all():
        centers = clusters.sums / weights[:, np.newaxis]
    else:
        centers = clusters.sums / np.where(full, weights, 1.0)[:, np.newaxis]
        centers[~full] = centers[int(np.argmax(weights))]
    return centers.astype(dtype)


def finish(settings: Settings, state: State, totals: Totals) -> State:
    """Take the inertia from the sums, unless they cancel."""
    clusters = decode(state, totals)
    shift = state["shift"].astype(np.float64)
    off = state["centers"].astype(np.float64) - shift
    about = clusters.sums - clusters.weights[:, np.newaxis] * shift
    taken = off * (2.0 * about - clusters.weights[:, np.newaxis] * off)
    whole = float(state["squares"][0])
    inertia = whole - ordered_sum(taken)
    arrays = {**state.arrays, "counts": totals["counts"]}
    if not inertia > CANCELLED * whole:
        bound = np.array([max(whole, 0.0)])
        return State("inertia", {**arrays, "bound": bound})
    return conclude(settings, State("final", arrays), inertia)


def inertia_step(settings: Settings, state: State, scratch: Scratch) -> Step:
    """Sum squared distances to the own centre, straight from the rows."""
    lloyd = _lloyd(settings, state, scratch, Grids.of(state))
    if scratch.labelled is None or not np.array_equal(scratch.labelled, state["centers"]):
        lloyd.step(state["centers"])
        scratch.labelled = state["centers"]
    grid = grid_for(state["bound"], Limits.of(state).max_rows, 2)
    total, largest = own_distances(lloyd.rows, scratch.team, state["centers"], lloyd.labels, grid)
    return Step(
        {"sum": Part(Reducer.SUM, total), "largest": Part(Reducer.MAX, np.array([largest]))}
    )


def inertia_update(settings: Settings, state: State, totals: Totals) -> State:
    """Conclude the start; a bound that was missed repeats the pass once."""
    grid = grid_for(state["bound"], Limits.of(state).max_rows, 2)
    if not grid.holds(totals["largest"]):
        return State("inertia", {**state.arrays, "bound": totals["largest"]})
    inertia = float(grid.decode(totals["sum"][:, np.newaxis])[0])
    return conclude(settings, State("final", without(state, "bound")), inertia)


def conclude(settings: Settings, state: State, inertia: float) -> State:
    """Keep the start if it is the best so far, and begin the next one, or end the run."""
    arrays = dict(state.arrays)
    if not ("best_inertia" in arrays and float(arrays["best_inertia"]) <= inertia):
        arrays["best_inertia"] = np.array(inertia)
        arrays["best_centers"] = arrays["centers"]
        arrays["best_n_iter"] = arrays["n_iter"]
        arrays["best_counts"] = arrays["counts"]
    del arrays["centers"], arrays["n_iter"], arrays["counts"]
    following = int(state["start"]) + 1
    if following == settings.n_init:
        names = ("centers", "inertia", "n_iter", "counts")
        best = {name: arrays[f"best_{name}"] for name in names}
        figures = {"inertia": float(best["inertia"])}
        return State("done", {**best, "shift": arrays["shift"]}, done=True, figures=figures)
    return starts.begin(settings, arrays, following)


LLOYD = Phase(step, update)
FINAL = Phase(step, finish)
INERTIA = Phase(inertia_step, inertia_update)
