"""The objective as a state describes it, in the data's columns and in scaled ones.

Coefficients are arrays theta of shape (n_outputs, D) with D = n_features + 1, the intercept last; two
classes have one output, K >= 3 classes have K (the symmetric form). Solvers work in scaled columns

    xs_j = (x_j - shift_j) scale_j,        xs_D = 1,

in which theta becomes thetas_j = theta_j / scale_j, thetas_D = theta_D + sum_j shift_j theta_j: the
margins are the same. The penalty stays on theta.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from operator import is_
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from burly.algorithms.logistic.evaluation import Curvature, Evaluation, Line
from burly.algorithms.logistic.penalty import least_shift, smallest_subgradient
from burly.algorithms.logistic.settings import Settings
from burly.kernels.linear_algebra import dot
from burly.kernels.logistic import BLOCK_ROWS, Bounds, Scaling, Units
from burly.states import State

Array = NDArray[Any]
Float = NDArray[np.float64]


_NO_COLUMNS = np.empty(0)
_SOURCES = (
    "scale",
    "shift",
    "classes",
    "sparse",
    "float32",
    "class_rows",
    "class_totals",
    "total_weight",
    "column_bounds",
    "weight_bound",
    "n_rows",
    "n_blocks",
)
"""The arrays of a state that a problem is made of."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What stays the same from round to round."""

    settings: Settings
    n_features: int
    n_classes: int
    sparse: bool
    float32: bool
    class_rows: Array
    class_totals: Float
    total: float
    shift: Float
    scale: Float
    widest: Bounds
    """What terms cannot exceed at coefficients of zero."""

    _recent: ClassVar[tuple[list[Any], Problem] | None] = None

    @classmethod
    def of(cls, settings: Settings, state: State) -> Problem:
        """Read it from a state of any phase after the profile.

        The last one is kept for states that carry the same arrays on.
        """
        sources = [settings, *map(state.arrays.get, _SOURCES)]
        recent = cls._recent
        if recent is None or not all(map(is_, recent[0], sources)):
            recent = cls._recent = sources, cls._of(settings, state)
        return recent[1]

    @classmethod
    def _of(cls, settings: Settings, state: State) -> Problem:
        return cls(
            settings=settings,
            n_features=len(state["scale"]),
            n_classes=len(state["classes"]),
            sparse=bool(state["sparse"]),
            float32=bool(state["float32"]),
            class_rows=state["class_rows"],
            class_totals=state["class_totals"],
            total=float(state["total_weight"]),
            shift=state["shift"],
            scale=state["scale"],
            widest=Bounds(
                columns=state["column_bounds"],
                weight=float(state["weight_bound"]),
                margin=1.0,
                n_rows=int(state["n_rows"]),
                n_blocks=int(state["n_blocks"]),
            ),
        )

    @property
    def n_outputs(self) -> int:
        """One for two classes, else one a class."""
        return 1 if self.n_classes == 2 else self.n_classes

    @property
    def n_rows_of_rarest(self) -> int:
        """The rows of the rarest class, of those that weigh anything."""
        return int(np.min(self.class_rows[self.class_totals > 0]))

    @cached_property
    def scaling(self) -> Scaling:
        """The columns as solvers see them."""
        return Scaling(self.shift, self.scale)

    @cached_property
    def l2(self) -> Float:
        """Second derivatives of the l2 penalty by theta, shape (D,)."""
        return self._penalty(self.settings.l2, power=2)

    @cached_property
    def l1(self) -> Float:
        """Weights of |theta| in F, shape (D,)."""
        return self._penalty(self.settings.l1, power=1)

    def _penalty(self, weight: float, *, power: int) -> Float:
        penalty = np.full(self.n_features + 1, weight / self.total)
        scaling = self.settings.intercept_scaling
        penalty[-1] = 0.0 if scaling is None else penalty[-1] / scaling**power
        return penalty

    @cached_property
    def stretch(self) -> Float:
        """What turns thetas into theta (but for the intercept's shift), shape (D,)."""
        return np.append(self.scale, 1.0)

    @cached_property
    def widest_column(self) -> float:
        """The most that a component of a gradient by thetas may be by theta, but for the shift."""
        return float(1.0 / np.min(self.stretch))

    @cached_property
    def resolution(self) -> float:
        """The least gradient that its sums can tell from none: of columns of 1e14, say, that is much."""
        units = self.widest.column_units(None, sparse=self.sparse, squares=False)
        return float(units.columns.max()) / self.total

    def to_scaled(self, theta: Float) -> Float:
        """Coefficients of the scaled columns."""
        scaled = theta / self.stretch
        for k, row in enumerate(theta):
            scaled[k, -1] = row[-1] + dot(self.shift, row[:-1])
        return scaled

    def from_scaled(self, scaled: Float) -> Float:
        """Coefficients of the data's columns, rounded to the data's type."""
        theta = scaled * self.stretch
        if self.float32:
            theta = theta.astype(np.float32).astype(np.float64)
        for k, row in enumerate(theta):
            theta[k, -1] = scaled[k, -1] - dot(self.shift, row[:-1])
        if self.float32:
            theta = theta.astype(np.float32).astype(np.float64)
        return theta

    def settled(self, scaled: Float) -> Float:
        """Return the coefficients of the data's columns, at their least penalty for the same probabilities.

        Several classes have the same probabilities with anything added to a column's coefficients of all
        of them, so with an l1 term this is the penalty's to choose, and exactly (see `least_shift`).
        """
        theta = self.from_scaled(scaled)
        if self.n_outputs == 1 or not self.settings.l1:
            return theta
        theta[:, :-1] -= least_shift(theta[:, :-1], self.settings.l1, self.settings.l2)
        return theta.astype(np.float32).astype(np.float64) if self.float32 else theta

    def sum_to_scaled(self, sums: Float) -> Float:
        """Return what a sum over rows of v x, a gradient say, becomes with scaled columns."""
        scaled = np.empty_like(sums)
        scaled[:, :-1] = (sums[:, :-1] - sums[:, -1:] * self.shift) * self.scale
        scaled[:, -1] = sums[:, -1]
        if not self.settings.fit_intercept:
            scaled[:, -1] = 0.0
        return scaled

    def evaluate(self, state: State, theta: Float, totals: Mapping[str, Array]) -> Evaluation:
        """Turn the totals of an evaluation at ``theta`` into the objective."""
        hessian = self.scaling if "hessian" in totals else None
        units = Units.of(self.bounds(state, theta), hessian, sparse=self.sparse)
        sums = units.values(totals)
        total = in_order(sums["weight"])
        slope, shrunk = sums["gradient"] / total, theta * self.l2
        gradient = subgradient = slope + shrunk
        if not self.settings.fit_intercept:
            gradient[:, -1] = 0.0
        loss = float(sums["loss"][0]) / total + dot(shrunk, theta) / 2
        if self.settings.l1:
            l1 = self.l1
            loss += dot(np.abs(theta), np.broadcast_to(l1, theta.shape))
            subgradient = smallest_subgradient(gradient, theta, l1)
        return Evaluation(
            problem=self,
            theta=theta,
            loss=loss,
            slope=slope,
            gradient=gradient,
            steepest=max(float(np.abs(subgradient).max()), self.resolution),
            hessian=sums["hessian"] / total if "hessian" in sums else None,
            n_rows=int(totals["count"].sum()),
            class_rows=totals["count"],
        )

    def weights(self, totals: Mapping[str, Array]) -> Float:
        """Turn the totals of any evaluation into the weights of the classes, shape (n_classes,)."""
        units = Units.of(self.widest, sparse=self.sparse)
        return units.values({"weight": totals["weight"]})["weight"]

    def curvature(self, state: State, theta: Float, totals: Mapping[str, Array]) -> Curvature:
        """Turn the totals of an evaluation at ``theta`` that also summed curvatures into these."""
        sums = Units.of(self.bounds(state, theta), sparse=self.sparse).values(
            {name: totals[name] for name in ("weight", "curvature", "curvature_margin")}
        )
        total = in_order(sums["weight"])
        return Curvature(
            of_intercepts=self.sum_to_scaled(sums["curvature"] / total),
            of_coefficients=self.sum_to_scaled(sums["curvature_margin"] / total),
            mean=in_order(sums["curvature"][:, -1]) / total,
        )

    def scaled_penalty(self, theta: Float) -> Float:
        """Return the gradient of the l2 penalty by thetas, shape (n_outputs, D).

        The shift is zero where the intercept carries a penalty, so each coefficient has its own.
        """
        gradient: Float = theta * self.l2 * self.stretch
        return gradient

    @property
    def scaled_l2(self) -> Float:
        """Second derivatives of the l2 penalty by thetas, shape (D,)."""
        return self.l2 * self.stretch * self.stretch

    @property
    def scaled_l1(self) -> Float:
        """Weights of |thetas| in F, shape (D,)."""
        return self.l1 * self.stretch

    def bounds(self, state: State, theta: Float) -> Bounds:
        """Return what the terms of an evaluation at ``theta`` cannot exceed."""
        return self.widest.at(max(_margin(theta, state), 1.0))

    def loss_noise(self, state: State, theta: Float, loss: float) -> float:
        """Return what rounding may change of F at ``theta``."""
        bounds = replace(self.bounds(state, theta), columns=_NO_COLUMNS)
        unit = Units.of(bounds, sparse=self.sparse).loss
        n_blocks = 1.0 + float(state["n_rows"]) / BLOCK_ROWS
        return (1e-7 if self.float32 else 1e-13) * abs(loss) + unit * n_blocks / self.total

    def line_bounds(self, state: State, line: Line) -> Bounds:
        """Return what the terms of trials along a line cannot exceed: losses and slopes, no columns."""
        near, far = _margin(line.origin, state), _margin(line.target, state)
        margin = near + (near + far) * float(np.max(line.steps))
        return replace(self.widest, columns=_NO_COLUMNS, margin=max(margin, 1.0))

    def line_slopes(self, state: State, line: Line, totals: Mapping[str, Array]) -> Float:
        """Return the slopes of F without its l1 term along a line, shape (n_steps,)."""
        sums = Units.of(self.line_bounds(state, line), sparse=self.sparse).values(totals)
        along = line.target - line.origin
        at_origin, bend = dot(line.origin * self.l2, along), dot(along * self.l2, along)
        slopes: Float = sums["trial_slope"] / self.total + (at_origin + line.steps * bend)
        return slopes


def _margin(theta: Float, state: State) -> float:
    """Return what no margin exceeds in size."""
    columns = state["column_bounds"]
    return max(dot(row[:-1], columns) + float(row[-1]) for row in np.abs(theta))


def in_order(values: Float) -> float:
    """Return the sum of values, added one after the other: the same bits everywhere."""
    total = 0.0
    for value in values.tolist():
        total += value
    return total
