"""What 1 means in the integer sums of logistic regression.

A kernel adds the sums of a block of rows (dense), or single terms (sparse), rounded to multiples of
a unit. Units follow from bounds on the data, which travel with the state, so step and update agree
on them; a term above its bound is counted, and the sums are then taken again with wider bounds. The fewer
terms a sum has, the finer its unit: losses and intercepts are summed once a block for sparse rows too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

BLOCK_ROWS = 256
"""Rows of a block: consecutive, of one shard; the last block of a shard may be shorter."""
LEAST_UNIT = math.ulp(0.0)
"""The least positive float64."""


def block_limit(n_shards: int, n_rows: int) -> int:
    """Return the largest number of blocks that so many rows of so many shards can have."""
    return min(n_shards + n_rows // BLOCK_ROWS, n_rows)


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """What no value should exceed.

    Attributes
    ----------
    columns : ndarray of shape (n_features,)
        |x_j|, float64. Zero counts as one.
    weight : float
        Sample weight times class weight.
    margin : float
        |z|, at trial steps too.
    n_rows : int
    n_blocks : int
        `block_limit`.
    """

    columns: Float
    weight: float
    margin: float
    n_rows: int
    n_blocks: int
    _of_columns: dict[tuple[Scaling | None, bool, bool], ColumnUnits] = field(
        default_factory=dict, init=False, repr=False
    )

    def at(self, margin: float) -> Bounds:
        """Return these bounds with another margin; what follows from the columns they share."""
        bounds = Bounds(self.columns, self.weight, margin, self.n_rows, self.n_blocks)
        object.__setattr__(bounds, "_of_columns", self._of_columns)
        return bounds

    @property
    def block_weight(self) -> float:
        """The most that a block weighs."""
        return min(BLOCK_ROWS, max(self.n_rows, 1)) * self.weight

    def bits(self, *, sparse: bool) -> int:
        """Return how many bits a term of a column's sum may have."""
        return _bits(self.n_rows if sparse else self.n_blocks)

    @property
    def block_bits(self) -> int:
        """How many bits a block's sum may have."""
        return _bits(self.n_blocks)

    def column_units(self, scaling: Scaling | None, *, sparse: bool, squares: bool) -> ColumnUnits:
        """Return the units that do not depend on the margin; they are computed once."""
        asked = scaling, sparse, squares
        known = self._of_columns.get(asked)
        if known is None:
            known = self._of_columns[asked] = self._column_units(
                scaling, sparse=sparse, squares=squares
            )
        return known

    def _column_units(self, scaling: Scaling | None, *, sparse: bool, squares: bool) -> ColumnUnits:
        bits, rows = self.bits(sparse=sparse), self.block_weight
        weight = self.weight if sparse else rows
        columns = np.where(self.columns > 0, self.columns, 1.0)
        # A residual is at most 1 in size; p_k (z_k - mean z) at most 2 for thousands of classes.
        terms = np.empty(len(columns) + 1)
        np.multiply(columns, 2.0 * weight, out=terms[:-1])
        terms[-1] = 2.0 * rows
        factors = None
        if scaling is not None:
            shift = 0.0 if sparse else np.abs(scaling.shift)
            scaled = np.append((columns + shift) * np.abs(scaling.scale), 1.0)
            # Weights of the Hessian are at most 1/4; half of their share goes to each factor.
            share = -((bits - _exponent(rows / 4.0)) // 2)
            factors = np.ldexp(1.0, _exponents(scaled) + share)
        units = _units(terms, bits)
        units[-1] = _unit(terms[-1], self.block_bits)
        return ColumnUnits(
            columns=units,
            squares=_units(4.0 * weight * columns * columns, bits) if squares else None,
            factors=factors,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """Columns as the Hessian sees them: (x_j - shift_j) * scale_j, and a last one of ones.

    Attributes
    ----------
    shift, scale : ndarray of shape (n_features,)
        float64. Sparse rows ignore ``shift``.
    """

    shift: Float
    scale: Float


@dataclass(frozen=True, slots=True, eq=False)
class ColumnUnits:
    """Units of sums over columns, all powers of two.

    Attributes
    ----------
    columns : ndarray of shape (n_features + 1,)
        Of gradients and sums of columns; the intercept's last.
    squares : ndarray of shape (n_features,) or None
        Of sums of squares.
    factors : ndarray of shape (n_features + 1,) or None
        The unit of element (i, j) of a Hessian is the product of factors i and j.
    """

    columns: Float
    squares: Float | None
    factors: Float | None


@dataclass(frozen=True, slots=True, eq=False)
class Units(ColumnUnits):
    """All units: those of sums over columns, and the others.

    Attributes
    ----------
    limit : float
        How many units a term of a column's sum may be.
    block_limit : float
        How many units a block's sum may be.
    loss : float
        Of losses and their slopes.
    weight : float
        Of sums of weights. For sparse rows kernels derive the units of columns from it.
    """

    limit: float
    block_limit: float
    loss: float
    weight: float

    @classmethod
    def of(
        cls,
        bounds: Bounds,
        scaling: Scaling | None = None,
        *,
        sparse: bool = False,
        squares: bool = False,
    ) -> Units:
        """Return the units for some bounds; a pure function, for step and update alike."""
        bits, rows = bounds.bits(sparse=sparse), bounds.block_weight
        of_columns = bounds.column_units(scaling, sparse=sparse, squares=squares)
        return cls(
            columns=of_columns.columns,
            squares=of_columns.squares,
            factors=of_columns.factors,
            limit=math.ldexp(1.0, bits),
            block_limit=math.ldexp(1.0, bounds.block_bits),
            loss=_unit(rows * (4.0 * bounds.margin + 8.0), bounds.block_bits),
            weight=_unit(rows, bits),
        )

    def values(self, sums: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return sums or totals of `LogisticRows` as float64, by the same names.

        Names that are not its sums, and counts, stay as they are.
        """
        return {name: self._value(name, array) for name, array in sums.items()}

    def _value(self, name: str, array: NDArray[Any]) -> NDArray[Any]:  # noqa: PLR0911
        match name:
            case "loss" | "trial_loss" | "trial_slope":
                return array * self.loss
            case "gradient" | "curvature" | "curvature_margin":
                return array * self.columns
            case "sums":
                return array * self.columns[:-1]
            case "squares" if self.squares is not None:
                return array * self.squares
            case "weight":
                return array * self.weight
            case "hessian" if self.factors is not None:
                rows, columns = np.tril_indices(len(self.factors))
                return array * (self.factors[rows] * self.factors[columns])
        return array


def _bits(n_terms: int) -> int:
    """Return how many bits each of so many terms may have."""
    # One bit of room on both ends: rounding works below 2**51, totals stay below 2**62.
    return min(50, 61 - (max(n_terms, 1) - 1).bit_length())


def _exponents(values: Float) -> NDArray[np.int64]:
    """Return e with values < 2**e, element by element."""
    return np.frexp(values)[1].astype(np.int64)


def _units(bounds: Float, bits: int) -> Float:
    return np.ldexp(1.0, _exponents(bounds) - bits)


def _exponent(value: float) -> int:
    return math.frexp(value)[1]


def _unit(bound: float, bits: int) -> float:
    # Never 0: terms too small for any unit are refused as beyond their bound.
    return max(math.ldexp(1.0, _exponent(bound) - bits), LEAST_UNIT)
