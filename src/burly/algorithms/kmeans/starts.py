"""How a start begins: with a draw of rows, or with the first iteration if centres are given."""

from __future__ import annotations

import numpy as np

from burly.algorithms.kmeans.settings import Array, Settings
from burly.exact_sum import MAX_EXPONENT
from burly.states import State

GUESS = 8.0
"""Values are guessed to be at most so many times the largest of the first centres."""


def begin(settings: Settings, arrays: dict[str, Array], start: int) -> State:
    """Return the state that begins a start of a run whose weights have been looked at."""
    if settings.init != "given":
        return draw(arrays, start)
    if settings.starts is None:
        raise ValueError("init='given' needs starts")
    return first_iteration({**arrays, "start": np.array(start)}, settings.starts[start])


def draw(arrays: dict[str, Array], start: int) -> State:
    """Return the state that looks at the weights, and draws rows where centres are not given."""
    return State("draw", {**arrays, "start": np.array(start)})


def first_iteration(arrays: dict[str, Array], centers: Array) -> State:
    """Return the state of the first iteration from these centres."""
    arrays = {**arrays, "centers": centers, "n_iter": np.array(0)}
    if "shift" not in arrays:
        arrays["shift"] = np.sort(centers, axis=0)[len(centers) // 2].copy()
    if "bounds" not in arrays:
        arrays["bounds"] = _guessed(centers, arrays["shift"], float(arrays["heaviest"]))
    return State("lloyd", arrays)


def _guessed(centers: Array, shift: Array, heaviest: float) -> Array:
    """Guess how large weight * |x| and weight * (x - shift)**2 are, feature by feature."""
    values = GUESS * np.abs(centers).max(axis=0).astype(np.float64)
    with np.errstate(over="ignore"):
        off = values + np.abs(shift)
        bounds = np.stack([values * heaviest, off * off * heaviest])
    # The first round finds out what the data really needs, and refuses it if that is too much.
    guess: Array = np.minimum(bounds, np.ldexp(1.0, MAX_EXPONENT))
    return guess
