"""What a worker adds to a round, and how contributions become totals.

Each named part carries its reducer. Every reducer is exact, commutative and associative, so the
totals do not depend on how many workers there are or in which order they arrive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.exceptions import DataError

Array = NDArray[Any]


class Reducer(StrEnum):
    """How the parts of one name are brought together."""

    SUM = "sum"
    """Integers (int64 or uint64), added modulo 2**64."""
    MIN = "min"
    MAX = "max"
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
    """Bring the parts of one name together."""
    first = parts[0]
    arrays = [part.array for part in parts]
    match first.reducer:
        case Reducer.SUM:
            total = arrays[0].copy()
            for array in arrays[1:]:
                total += array
            return total
        case Reducer.MIN:
            return arrays[0] if len(arrays) == 1 else np.minimum.reduce(arrays)
        case Reducer.MAX:
            return arrays[0] if len(arrays) == 1 else np.maximum.reduce(arrays)
        case Reducer.UNION:
            values = np.unique(np.concatenate(arrays))
            if first.limit is not None and len(values) > first.limit:
                raise DataError(
                    f"{name} has {len(values)} distinct values or more; "
                    f"at most {first.limit} are allowed"
                )
            return values
        case Reducer.ROWS:
            return order_rows(np.concatenate(arrays), first.limit)


def total(contributions: Sequence[Contribution]) -> Totals:
    """Bring the contributions of all ranks together; every rank names the same parts."""
    return {
        name: reduce_parts(name, [contribution[name] for contribution in contributions])
        for name in contributions[0]
    }
