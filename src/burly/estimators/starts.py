"""The start of k-means: a seeding by name, given centres, or a callable."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, check_random_state

from burly.data.resolved import ResolvedDataset
from burly.exceptions import ConfigurationError

Array = NDArray[Any]
INITS = ("k-means++", "k-means||", "random")


def first_centers(model: Any, data: ResolvedDataset, seed: int) -> tuple[Any, Array | None, int]:
    """Return how to seed, given centres of each start if any, and the number of starts.

    Parameters
    ----------
    model : KMeans
    data : ResolvedDataset
    seed : int

    Raises
    ------
    burly.exceptions.ConfigurationError
        If centres do not fit the data, or a callable would need stored data here.
    """
    chosen = None if isinstance(model.n_init, str) else int(model.n_init)
    if isinstance(model.init, str):
        auto = "k-means++" if data.info.in_memory else "k-means||"
        init = auto if model.init == "auto" else model.init
        return init, None, chosen or (10 if init == "random" else 1)
    if callable(model.init):
        if not data.info.in_memory:
            raise ConfigurationError(
                "init is a callable, which would need all of a stored dataset here: use "
                "'k-means||', 'random' or an array"
            )
        reader: Any = data.reader
        random = check_random_state(seed % (1 << 32))
        starts = [
            _checked(model, model.init(reader.X, model.n_clusters, random_state=random), data)
            for _ in range(chosen or 10)
        ]
        return "given", np.stack(starts), len(starts)
    if chosen is not None and chosen != 1:
        warnings.warn(
            "Explicit initial center position passed: performing only one init in KMeans "
            f"instead of n_init={chosen}.",
            RuntimeWarning,
            stacklevel=3,
        )
    return "given", _checked(model, model.init, data)[np.newaxis], 1


def _checked(model: Any, centers: Any, data: ResolvedDataset) -> Array:
    try:
        checked: Array = check_array(centers, dtype=data.info.dtype, order="C", copy=True)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"init must be one of auto, {', '.join(INITS)}, or centers, an array of shape (n_clusters, "
            f"n_features) or a callable that returns one: {error}"
        ) from error
    if checked.shape != (model.n_clusters, data.info.n_features):
        raise ConfigurationError(
            f"The shape of the initial centers {checked.shape} does not match the number of "
            f"clusters {model.n_clusters} and the number of features of the data "
            f"{data.info.n_features}."
        )
    return checked
