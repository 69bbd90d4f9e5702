"""The contract of a launcher: take a job, see it through, hand back the last state."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.base import Algorithm
from burly.data.resolved import ResolvedDataset
from burly.events import Event
from burly.exceptions import ConfigurationError
from burly.states import State

Observer = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Job:
    """A run to be done.

    Attributes
    ----------
    algorithm : Algorithm
    data : ResolvedDataset
    first : State
        What ``algorithm.start(data.info)`` returned.
    n_threads : int or None
        Threads per worker; None: all cores that the worker really has.
    out : str or None
        Where the workers write the outputs, a folder or a URI; None: they come back in the result,
        which only data from memory can ask for.
    """

    algorithm: Algorithm
    data: ResolvedDataset
    first: State
    n_threads: int | None = None
    out: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a run leaves: the last state, and outputs of one entry a row, in the data's order."""

    state: State
    outputs: Mapping[str, NDArray[Any]]


class Launcher(ABC):
    """Starts the workers of an estimator: `burly.InProcess`, `burly.Lithops`, or one of your own.

    Launchers are frozen values without connections, so that estimators can be cloned.
    """

    @abstractmethod
    def run(self, job: Job, observer: Observer) -> Result:
        """See a job through.

        Raises
        ------
        burly.exceptions.BurlyError
            Whatever ended the run, once nothing of it is left behind.
        """


def plain_number(name: str, value: Any, kind: type) -> Any:
    """Return a positive number as one of Python's own: configurations know no others.

    Parameters
    ----------
    name : str
        What it is called.
    value : any
    kind : type
        `numbers.Integral` or `numbers.Real`.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, kind) or not 0 < value < math.inf:  # type: ignore[operator]
        wanted = "a whole number from 1" if kind is Integral else "a number above 0"
        raise ConfigurationError(f"{name} must be {wanted}, got {value!r}")
    return value.item() if isinstance(value, np.generic) else value
