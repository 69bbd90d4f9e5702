"""What a worker adds to a round, and how contributions become totals.

Each named part carries its reducer. Every reducer is exact, commutative and associative, so the
totals do not depend on how many workers there are or in which order they arrive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.exceptions import ConfigurationError, DataError

Array = NDArray[Any]


class Reducer(StrEnum):
    """How the parts of one name are brought together."""

    SUM = "sum"
    """Integers (int64 or uint64) or records of them, added modulo 2**64."""
    MIN = "min"
    MAX = "max"
    """A NaN wins over numbers; zero comes out positive."""
    UNION = "union"
    """Sorted distinct values; more than ``limit`` of them is an error."""
    ROWS = "rows"
    """A structured array whose first fields are ``key``, ``shard`` and ``row``: ordered by these
    three, ascending, and cut to the first ``limit``."""


@dataclass(frozen=True, slots=True)
class Part:
    """One named array of a contribution."""

    reducer: Reducer
    array: Array
    limit: int | None = None


Contribution = Mapping[str, Part]
Totals = dict[str, Array]

_SUMMED = (np.dtype(np.int64), np.dtype(np.uint64))
_TEXT = "US"


@dataclass(frozen=True, slots=True)
class Step:
    """What one worker computed in one round."""

    contribution: Contribution
    figures: Mapping[str, float] = field(default_factory=dict)


def order_rows(rows: Array, limit: int | None) -> Array:
    """Rows by (key, shard, row), cut to the first ``limit``."""
    order = np.lexsort((rows["row"], rows["shard"], rows["key"]))
    return rows[order[:limit]]


def reduce_parts(name: str, parts: Sequence[Part]) -> Array:
    """Bring the parts of one name together.

    Parameters
    ----------
    name : str
    parts : sequence of Part
        One a rank, in any order.

    Returns
    -------
    ndarray
        The same bits for every order of the parts, and for every way of cutting the same data into
        parts. It shares no memory with them: a worker goes on with its own arrays while a state
        that holds this one is read.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If the parts do not fit together, or are of a type that the reducer cannot take.
    burly.exceptions.DataError
        If a union has more values than its limit.
    """
    if parts[0].reducer is Reducer.UNION:
        # A rank without rows cannot know of what type their values are.
        parts = [part for part in parts if len(part.array)] or parts[:1]
    first = parts[0]
    for part in parts[1:]:
        _check_fit(name, first, part)
    arrays = [part.array for part in parts]
    match first.reducer:
        case Reducer.SUM:
            return _sum(name, arrays)
        case Reducer.MIN:
            return _canonical(_fold(np.minimum, arrays))
        case Reducer.MAX:
            return _canonical(_fold(np.maximum, arrays))
        case Reducer.UNION:
            return _union(name, arrays, first.limit)
        case Reducer.ROWS:
            return _rows(name, arrays, first.limit)


def total(contributions: Sequence[Contribution]) -> Totals:
    """Bring the contributions of all ranks together; every rank names the same parts.

    Raises
    ------
    burly.exceptions.ConfigurationError, burly.exceptions.DataError
        As `reduce_parts` raises.
    """
    first = contributions[0]
    for contribution in contributions[1:]:
        if contribution.keys() != first.keys():
            raise ConfigurationError(
                f"the workers disagree about what they contribute: {sorted(first)} and "
                f"{sorted(contribution)}; use one version of burly in all functions"
            )
    return {
        name: reduce_parts(name, [contribution[name] for contribution in contributions])
        for name in first
    }


def _check_fit(name: str, first: Part, other: Part) -> None:
    if (
        first.reducer is other.reducer
        and first.limit == other.limit
        and first.array.dtype == other.array.dtype
        and first.array.shape == other.array.shape
    ):
        return
    lengths_vary = first.reducer in (Reducer.UNION, Reducer.ROWS)
    a, b = first.array, other.array
    same_type = a.dtype == b.dtype or (a.dtype.kind == b.dtype.kind and a.dtype.kind in _TEXT)
    if (
        first.reducer is not other.reducer
        or first.limit != other.limit
        or not same_type
        or not (a.shape == b.shape or (lengths_vary and a.ndim == b.ndim == 1))
    ):
        raise ConfigurationError(
            f"the workers disagree about {name!r}: {_describe(first)} and {_describe(other)}; "
            "every rank has to contribute the same reducer, limit, dtype and shape"
        )


def _describe(part: Part) -> str:
    limit = "" if part.limit is None else f" of at most {part.limit}"
    return f"{part.reducer.value}{limit} of {part.array.dtype} with shape {part.array.shape}"


def _sum(name: str, arrays: Sequence[Array]) -> Array:
    dtype = arrays[0].dtype
    numbers = _numbers(dtype)
    if numbers is None:
        raise ConfigurationError(
            f"{name!r} cannot be summed exactly: it has dtype {dtype}, and only "
            "int64 and uint64 give the same sum in every order"
        )
    if dtype.names is None:
        return _fold(np.add, arrays)
    total = _fold(np.add, [array.reshape(-1).view(numbers) for array in arrays])
    return total.view(dtype).reshape(arrays[0].shape)


@lru_cache(maxsize=64)
def _numbers(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """Return the one type of all numbers in a dtype that can be summed; None if it cannot."""
    if dtype.fields is None:
        return dtype if dtype in _SUMMED else None
    bases = [field[0].base for field in dtype.fields.values()]
    has_gaps = dtype.itemsize != sum(field[0].itemsize for field in dtype.fields.values())
    return None if has_gaps or len(set(bases)) != 1 else _numbers(bases[0])


def _fold(function: np.ufunc, arrays: Sequence[Array]) -> Array:
    result = arrays[0].copy()
    for array in arrays[1:]:
        function(result, array, out=result)
    return result


def sorted_distinct(values: Array) -> Array:
    """Return the sorted distinct values of an array of one dimension, NaN once.

    As ``np.unique``, which would import NumPy's masked arrays first, and every function wait for it.
    """
    ordered = np.sort(values)
    is_new = np.ones(len(ordered), dtype=bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    if ordered.dtype.kind == "f":
        is_new[1:] &= ~np.isnan(ordered[:-1])
    kept: Array = ordered[is_new]
    return kept


def _canonical(values: Array) -> Array:
    """Return values that compare alike as the same bits: one zero, one NaN."""
    if values.dtype.kind != "f":
        return values
    values = values + values.dtype.type(0)
    missing = np.isnan(values)
    return np.where(missing, values.dtype.type(np.nan), values) if missing.any() else values


def _union(name: str, arrays: Sequence[Array], limit: int | None) -> Array:
    values = sorted_distinct(_canonical(np.concatenate(arrays)))
    if limit is not None and len(values) > limit:
        raise DataError(
            f"{name} has {len(values)} distinct values or more; at most {limit} are allowed"
        )
    if values.dtype.kind in _TEXT:
        # How wide the text is must not depend on who held which rows.
        longest = int(np.char.str_len(values).max(initial=1))
        values = values.astype(f"{values.dtype.kind}{max(1, longest)}")
    return values


def _rows(name: str, arrays: Sequence[Array], limit: int | None) -> Array:
    _check_ordered(name, arrays[0])
    if len(arrays) == 1:
        return order_rows(arrays[0], limit)
    return order_rows(np.concatenate(arrays, dtype=arrays[0].dtype), limit)


def _check_ordered(name: str, array: Array) -> None:
    if (array.dtype.names or ())[:3] != ("key", "shard", "row"):
        raise ConfigurationError(
            f"{name!r} cannot be ordered: it has dtype {array.dtype}, and its first fields have "
            "to be key, shard and row"
        )
