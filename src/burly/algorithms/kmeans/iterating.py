"""Lloyd's iteration from first centres to a result, with the rules of scikit-learn's KMeans.

Iterating i labels all rows by the centres c_i; the means of the clusters are c_{i+1}. It ends

- if c_{i+1} has the bits of c_i: sums are exact, so that is when no label changed;
- if ``sum((c_{i+1} - c_i)**2) <= tol * mean(variance of the features)``, or after ``max_iter``
  iterations: then one more labelling, by the last centres.

With shift s, cluster sums S_k and weights W_k the inertia is
``sum w (x - s)**2 - 2 sum_k (c_k - s) . (S_k - W_k s) + sum_k W_k |c_k - s|**2``, which costs no pass
over the data. Where these terms cancel, it is summed row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.kmeans.arithmetic import (
    exponents_for,
    grid_of,
    median_row,
    ordered_sum,
    squared_distance,
    squares_bound,
)
from burly.contributions import Part, Reducer, Step, Totals
from burly.exact_sum import Grid, levels_for
from burly.exceptions import DataError, NonFiniteError
from burly.kernels.lloyd import LloydTotals, column_moments, own_distances
from burly.states import State

if TYPE_CHECKING:
    from burly.algorithms.kmeans.scratch import Scratch
    from burly.algorithms.kmeans.training import KMeans

Array = NDArray[Any]
Floats = NDArray[np.float64]

GUESS = 8.0
"""Values are guessed to be at most this many times the largest first centre, feature by feature; a
miss costs one round more."""
CANCELLED = 1e-4
"""An inertia below this share of the sum of squares about the shift is summed row by row."""


def begin(arrays: Mapping[str, Array], centers: Array) -> State:
    """Return the state that iterates from first centres, with guessed bounds on the data."""
    max_rows = int(arrays["max_rows"])
    most_weight = float(arrays["weights"][1]) if "weights" in arrays else 1.0
    largest = np.abs(centers).max(axis=0).astype(np.float64)
    kept = {name: arrays[name] for name in _KEPT if name in arrays}
    kept["centers"], kept["shift"] = centers, median_row(centers)
    kept["n_iter"], kept["measured"] = np.array(0), np.array(0)
    return _bounded(kept, GUESS * largest * most_weight, max_rows)


def too_few(n_rows: int, n_clusters: int) -> str:
    """Return what to say where there are fewer rows than clusters."""
    return (
        f"the data has {n_rows} rows, n_samples={n_rows} should be >= n_clusters={n_clusters}; "
        "ask for fewer clusters"
    )


def _bounded(arrays: dict[str, Array], bounds: Floats, max_rows: int) -> State:
    """Return the state that measures the data with bounds on ``|w * x|``."""
    exponents = exponents_for(bounds, max_rows)
    limits = grid_of(exponents, max_rows, 2).limits
    squares = squares_bound(limits, arrays["shift"].astype(np.float64), *_weight_range(arrays))
    arrays["exponents"] = exponents
    arrays["square_exponents"] = exponents_for(squares, max_rows)
    return State("measure", arrays)


def _weight_range(arrays: Mapping[str, Array]) -> tuple[float, float]:
    if "weights" not in arrays:
        return 1.0, 1.0
    return float(arrays["weights"][0]), float(arrays["weights"][1])


# --- steps ----------------------------------------------------------------------------------------


def _contribution(totals: LloydTotals) -> dict[str, Part]:
    parts = {"sums": Part(Reducer.SUM, totals.sums), "counts": Part(Reducer.SUM, totals.counts)}
    if totals.weight_sums is not None:
        parts["weight_sums"] = Part(Reducer.SUM, totals.weight_sums)
    return parts


def _figures(totals: LloydTotals, scratch: Scratch) -> dict[str, float]:
    n_rows = scratch.partition.n_rows
    skipped = 1.0 - totals.evaluated / n_rows if n_rows else 0.0
    return {"moved": float(totals.moved), "skipped": skipped}


def _step_measure(algorithm: KMeans, state: State, scratch: Scratch) -> Step:  # noqa: ARG001
    totals = scratch.measure(state)
    parts = _contribution(totals)
    measured = totals.measured
    if measured is None:
        raise TypeError("the kernel measured nothing")
    parts["finite"] = Part(Reducer.MIN, np.array(int(measured.finite)))
    parts["magnitudes"] = Part(Reducer.MAX, measured.magnitudes)
    parts["squares"] = Part(Reducer.SUM, measured.squares)
    return Step(parts, _figures(totals, scratch))


def _step_lloyd(algorithm: KMeans, state: State, scratch: Scratch) -> Step:  # noqa: ARG001
    totals = scratch.label(state)
    return Step(_contribution(totals), _figures(totals, scratch))


def _step_moments(algorithm: KMeans, state: State, scratch: Scratch) -> Step:  # noqa: ARG001
    grid, squares = _moment_grids(state)
    moments = column_moments(scratch.rows, scratch.team, state["shift"], grid, squares)
    return Step(
        {
            "sums": Part(Reducer.SUM, moments.sums),
            "squares": Part(Reducer.SUM, moments.squares),
            "non_finite": Part(Reducer.SUM, moments.non_finite),
            "n_rows": Part(Reducer.SUM, np.array(scratch.partition.n_rows)),
        }
    )


def _moment_grids(state: State) -> tuple[Grid, Grid]:
    """Grids for ``x - shift`` and its square, without weights."""
    max_rows = int(state["max_rows"])
    limits = grid_of(state["exponents"], max_rows, 2).limits / _weight_range(state.arrays)[0]
    shift = state["shift"].astype(np.float64)
    off = exponents_for(limits + np.abs(shift), max_rows)
    squares = exponents_for(squares_bound(limits, shift, 1.0, 1.0), max_rows)
    return grid_of(off, max_rows, 2), grid_of(squares, max_rows, 2)


def _step_relocate(algorithm: KMeans, state: State, scratch: Scratch) -> Step:  # noqa: ARG001
    n_empty = int(np.count_nonzero(state["empty"]))
    rows = scratch.labelled(state).farthest(state["centers"], n_empty)
    return Step({"farthest": Part(Reducer.ROWS, rows, n_empty)})


def _step_inertia(algorithm: KMeans, state: State, scratch: Scratch) -> Step:  # noqa: ARG001
    labels = scratch.labels(state)
    total, _ = own_distances(
        scratch.rows, scratch.team, state["centers"], labels, _inertia_grid(state)
    )
    return Step({"inertia": Part(Reducer.SUM, total)})


def _inertia_grid(state: State) -> Grid:
    max_rows = int(state["max_rows"])
    limits = grid_of(state["exponents"], max_rows, 2).limits
    farthest = np.abs(state["centers"]).max(axis=0).astype(np.float64)
    bound = ordered_sum(squares_bound(limits, farthest, *_weight_range(state.arrays)))
    return grid_of(exponents_for(np.array([2.0 * bound]), max_rows), max_rows, 2)


# --- updates --------------------------------------------------------------------------------------


def _update_measure(algorithm: KMeans, state: State, totals: Totals) -> State:
    max_rows = int(state["max_rows"])
    if not int(totals["finite"]):
        return State("explain", state.arrays)
    grid = _grid(state)
    if not grid.holds(totals["magnitudes"]):
        if int(state["measured"]):
            raise DataError("the data changed while it was read: it exceeds its measured bounds")
        arrays = dict(state.arrays) | {"measured": np.array(1)}
        return _bounded(arrays, totals["magnitudes"], max_rows)
    n_rows = int(totals["counts"].sum())
    if n_rows < algorithm.n_clusters:
        raise DataError(too_few(n_rows, algorithm.n_clusters))
    squares = grid_of(state["square_exponents"], max_rows, 2).decode(totals["squares"])
    arrays = dict(state.arrays) | {"spread": np.array(ordered_sum(squares))}
    if algorithm.tol > 0 and "weights" in arrays:
        return State("moments", arrays)
    arrays["threshold"] = np.array(0.0)
    if algorithm.tol > 0:
        sums = ordered_columns(grid.decode(totals["sums"])) - n_rows * state["shift"]
        arrays["threshold"] = _threshold(algorithm, sums, squares, n_rows)
    return _update_lloyd(algorithm, State("lloyd", arrays), totals)


def ordered_columns(values: Floats) -> Floats:
    """Add the rows of a table, one after the other."""
    total: Floats = np.cumsum(values, axis=0)[-1]
    return total


def _threshold(algorithm: KMeans, sums: Floats, squares: Floats, n_rows: int) -> Array:
    means = sums / n_rows
    variances = np.maximum(squares / n_rows - means * means, 0.0)
    return np.array(algorithm.tol * (ordered_sum(variances) / len(variances)))


def _update_moments(algorithm: KMeans, state: State, totals: Totals) -> State:
    grid, squares = _moment_grids(state)
    threshold = _threshold(
        algorithm,
        grid.decode(totals["sums"]),
        squares.decode(totals["squares"]),
        int(totals["n_rows"]),
    )
    return State("lloyd", dict(state.arrays) | {"threshold": threshold})


def _update_explain(algorithm: KMeans, state: State, totals: Totals) -> State:  # noqa: ARG001
    names = state["feature_names"].tolist()
    counts = totals["non_finite"].tolist()
    shown = [
        f"{names[j]!r} ({n})" if names else f"{j} ({n})" for j, n in enumerate(counts) if n
    ]
    if not shown:
        raise NonFiniteError(
            "X has values so large that the squares of their distances are infinite; scale the "
            "data, or use dtype float64"
        )
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    raise NonFiniteError(
        f"X contains NaN or infinity in column {', '.join(shown[:5])}{more} (in parentheses how "
        "many values); remove these rows, or fill the gaps first"
    )


def _grid(state: State) -> Grid:
    levels = levels_for(state["centers"].dtype)
    return grid_of(state["exponents"], int(state["max_rows"]), levels)


def _cluster_weights(state: State, totals: Mapping[str, Array]) -> Floats:
    if "weight_sums" not in totals:
        return totals["counts"].astype(np.float64)
    grid = grid_of(state["weight_exponents"], int(state["max_rows"]), 2)
    return grid.decode(totals["weight_sums"])


def _update_lloyd(algorithm: KMeans, state: State, totals: Totals) -> State:
    weights = _cluster_weights(state, totals)
    empty = weights <= 0
    if empty.any():
        held = {name: totals[name] for name in ("sums", "counts", "weight_sums") if name in totals}
        return State("relocate", dict(state.arrays) | held | {"empty": empty})
    return _advance(algorithm, state, totals, totals["sums"], weights)


def _update_relocate(algorithm: KMeans, state: State, totals: Totals) -> State:
    """Move empty clusters to the farthest rows, which leave the clusters they were in."""
    grid = _grid(state)
    sums = state["sums"].copy()
    held = {name: state[name] for name in ("counts", "weight_sums") if name in state.arrays}
    weights = _cluster_weights(state, held)
    rows = totals["farthest"]
    for cluster, row in zip(np.flatnonzero(state["empty"]), rows, strict=False):
        if row["key"] == 0:
            break  # fewer distinct rows than clusters
        weight = float(row["weight"])
        terms = grid.round(row["values"].astype(np.float64) * weight)
        sums[:, row["label"]] -= terms
        sums[:, cluster] = terms
        weights[row["label"]] -= weight
        weights[cluster] = weight
    arrays = {name: array for name, array in state.arrays.items() if name not in _HELD}
    return _advance(algorithm, State("lloyd", arrays), held, sums, weights)


def _advance(
    algorithm: KMeans, state: State, held: Mapping[str, Array], sums: Array, weights: Floats
) -> State:
    """Take the means of the clusters as the next centres, and see whether this is the end."""
    old = state["centers"]
    filled = weights > 0
    means = _grid(state).decode(sums) / np.where(filled, weights, 1.0)[:, np.newaxis]
    new = np.where(filled[:, np.newaxis], means, old).astype(old.dtype)
    arrays = dict(state.arrays)
    arrays["n_iter"] = np.array(int(state["n_iter"]) + 1)
    if np.array_equal(new, old):
        return _conclude(algorithm, State("lloyd", arrays), dict(held) | {"sums": sums})
    moved = squared_distance(new, old)
    arrays["centers"] = new
    is_last = moved <= float(state["threshold"]) or arrays["n_iter"] >= algorithm.max_iter
    figures = {"iteration": float(arrays["n_iter"]), "shift": float(np.sqrt(moved))}
    return State("last" if is_last else "lloyd", arrays, figures=figures)


def _conclude(algorithm: KMeans, state: State, totals: Mapping[str, Array]) -> State:
    """Work out the inertia of a start whose rows are labelled by its last centres."""
    arrays = dict(state.arrays) | {"counts": totals["counts"]}
    weights = _cluster_weights(state, totals)
    shift = state["shift"].astype(np.float64)
    off = state["centers"].astype(np.float64) - shift
    sums = _grid(state).decode(totals["sums"]) - weights[:, np.newaxis] * shift
    cross = ordered_sum((off * sums).ravel())
    own = ordered_sum((weights[:, np.newaxis] * (off * off)).ravel())
    spread = float(state["spread"])
    inertia = spread - 2.0 * cross + own
    if inertia < CANCELLED * spread:
        return State("inertia", arrays)
    return _keep_best(algorithm, arrays, inertia)


def _update_last(algorithm: KMeans, state: State, totals: Totals) -> State:
    return _conclude(algorithm, state, totals)


def _update_inertia(algorithm: KMeans, state: State, totals: Totals) -> State:
    inertia = float(_inertia_grid(state).decode(totals["inertia"][:, np.newaxis])[0])
    return _keep_best(algorithm, dict(state.arrays), inertia)


def _keep_best(algorithm: KMeans, arrays: dict[str, Array], inertia: float) -> State:
    """Remember the best start, and begin the next one or end."""
    arrays["inertia"] = np.array(inertia)
    best = {name: arrays[name] for name in _RESULT}
    if "best_inertia" in arrays and float(arrays["best_inertia"]) <= inertia:
        best = {name: arrays[f"best_{name}"] for name in _RESULT}
    number = int(arrays["number"]) + 1
    kept = {name: arrays[name] for name in _KEPT if name in arrays}
    figures = {"inertia": float(best["inertia"]), "iteration": float(best["n_iter"])}
    if number == algorithm.n_init:
        return State("done", kept | best, done=True, figures=figures)
    kept["number"] = np.array(number)
    kept |= {f"best_{name}": array for name, array in best.items()}
    return algorithm.begin(kept, best["centers"].dtype)


_RESULT = ("centers", "shift", "exponents", "inertia", "n_iter", "counts")
_KEPT = (
    "max_rows",
    "number",
    "feature_names",
    "weights",
    "weight_exponents",
    *(f"best_{name}" for name in _RESULT),
)
_HELD = ("sums", "counts", "weight_sums", "empty")

STEPS = {
    "measure": _step_measure,
    "moments": _step_moments,
    "explain": _step_moments,
    "lloyd": _step_lloyd,
    "relocate": _step_relocate,
    "last": _step_lloyd,
    "inertia": _step_inertia,
}
UPDATES = {
    "measure": _update_measure,
    "moments": _update_moments,
    "explain": _update_explain,
    "lloyd": _update_lloyd,
    "relocate": _update_relocate,
    "last": _update_last,
    "inertia": _update_inertia,
}
