"""The small thing that all workers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

NUMERICS_VERSION = 2
"""Raised by every change that gives other bits; frames and models carry it."""


@dataclass(frozen=True, slots=True)
class State:
    """The small thing that all workers share.

    Attributes
    ----------
    phase : str
        Which step and update come next.
    arrays : mapping of str to ndarray
        The model, bounds, counters (0-d arrays). Read only. An array that is the very object of the
        last state is not sent again.
    done : bool
        Nothing is left to do but `Algorithm.outputs`.
    figures : mapping of str to float
        What a person who watches wants to see: shift, inertia, gradient.
    """

    phase: str
    arrays: Mapping[str, Array]
    done: bool = False
    figures: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]
