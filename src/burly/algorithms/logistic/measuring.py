"""Phase "bounds": a kernel met a larger value than was guessed, so all rows are measured, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.contributions import Part, Reducer, Step
from burly.data.checks import refuse_counts
from burly.exceptions import DataError
from burly.kernels.logistic import LogisticRows
from burly.states import State

Array = NDArray[Any]


def step_bounds(rows: LogisticRows) -> Step:
    """Measure every row."""
    return Step(
        {
            "columns": Part(Reducer.MAX, rows.column_bounds()),
            "nonfinite": Part(Reducer.SUM, rows.count_nonfinite()),
        }
    )


def update_bounds(state: State, totals: Mapping[str, Array], names: tuple[str, ...]) -> State:
    """Do the last round again, with bounds that hold."""
    refuse_counts(totals["nonfinite"], names)
    before, measured = state["column_bounds"], totals["columns"]
    if np.all(measured <= before):
        # The round would only end here again.
        name = "weight_bound" if "weight_bound" in state.arrays else "sample_weight_bound"
        raise DataError(
            f"values of X up to {np.max(measured):.3g} with weights up to {state[name]:.3g} are too "
            "large or too small to be summed; scale columns and weights to sizes nearer to 1"
        )
    arrays = {**state.arrays, "column_bounds": np.maximum(measured, before)}
    del arrays["again"]
    return State(str(state["again"]), arrays)


def again(state: State) -> State:
    """Return the state that measures the bounds before it does a phase again."""
    return replace(state, phase="bounds", arrays={**state.arrays, "again": np.array(state.phase)})
