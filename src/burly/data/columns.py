"""Which columns of a table are features, label and weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice

from burly.exceptions import SchemaError

ColumnName = str | int


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table are features, label and weight.

    Attributes
    ----------
    names : tuple of str
        Of all columns; empty where the data has none.
    n_columns : int
        Of the data.
    features : tuple of int
        Positions in the data.
    label, weight : int or None
        Positions in the data.
    """

    names: tuple[str, ...]
    n_columns: int
    features: tuple[int, ...]
    label: int | None = None
    weight: int | None = None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features; empty where the data has none."""
        return tuple(self.names[i] for i in self.features) if self.names else ()

    @property
    def all_features(self) -> bool:
        """Whether every column is a feature, in the order of the data."""
        return self.features == tuple(range(self.n_columns))

    @property
    def used(self) -> tuple[int, ...]:
        """Positions of all columns that have to be read; features first."""
        others = (at for at in (self.label, self.weight) if at is not None)
        return (*self.features, *others)

    def describe(self, position: int) -> str:
        """Return a column's name as a message shows it."""
        return repr(self.names[position]) if self.names else str(position)


def choose_columns(
    names: Sequence[str],
    n_columns: int,
    *,
    columns: Sequence[ColumnName] | None,
    label: ColumnName | None,
    weight: ColumnName | None,
    where: str,
    learnt: Sequence[str] = (),
    index: Sequence[str] = (),
) -> Columns:
    """Find the columns that the user asked for.

    Parameters
    ----------
    names : sequence of str
        Of all columns; empty where the data has none.
    n_columns : int
    columns, label, weight : names, or positions from 0
        Features are by default all columns but the label and the weight.
    where : str
        The file, for messages.
    learnt : sequence of str
        The features of a fitted model: they are taken where the data names its columns and ``columns``
        names none.
    index : sequence of str
        Names of columns that are no features unless ``columns`` names them.

    Raises
    ------
    burly.exceptions.SchemaError
        For an unknown column (with the nearest name), and one with two roles.
    """
    positions = {name: at for at, name in enumerate(names)}

    def find(column: ColumnName) -> int:
        return _position(column, positions, n_columns, where)

    label_at = None if label is None else find(label)
    weight_at = None if weight is None else find(weight)
    taken = [at for at in (label_at, weight_at) if at is not None]
    if columns is not None:
        features = [find(column) for column in columns]
    elif names and learnt:
        features = [_learnt_position(column, positions, where) for column in learnt]
    else:
        left_out = {*taken, *(positions[name] for name in index if name in positions)}
        features = [i for i in range(n_columns) if i not in left_out]
    roles = features + taken
    if len(set(roles)) < len(roles):
        twice = Counter(roles).most_common(1)[0][0]
        shown = repr(names[twice]) if names else str(twice)
        raise SchemaError(
            f"column {shown} of {where} is named more than once among columns, label and weight"
        )
    if not features:
        raise SchemaError(f"{where} has no column left for the features")
    return Columns(tuple(names), n_columns, tuple(features), label_at, weight_at)


def _position(column: ColumnName, positions: Mapping[str, int], n_columns: int, where: str) -> int:
    if isinstance(column, str):
        if column in positions:
            return positions[column]
        if not positions:
            raise SchemaError(
                f"{where} has no column names; give {column!r} as a position from 0 to "
                f"{n_columns - 1}"
            )
        near = get_close_matches(column, positions, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {_some(positions)}"
        raise SchemaError(f"{where} has no column {column!r}; {hint}")
    if not 0 <= column < n_columns:
        raise SchemaError(f"{where} has no column {column}; positions go from 0 to {n_columns - 1}")
    return int(column)


def _learnt_position(column: str, positions: Mapping[str, int], where: str) -> int:
    if column in positions:
        return positions[column]
    near = get_close_matches(column, positions, n=1)
    hint = f"the nearest is {near[0]!r}" if near else f"there are {_some(positions)}"
    raise SchemaError(
        f"{where} has no column {column!r}, which the model was fitted with; {hint}",
        remedy="name the columns that take the place of the model's, in their order, with {columns}",
    )


def _some(names: Collection[str], at_most: int = 12) -> str:
    shown = ", ".join(repr(name) for name in islice(names, at_most))
    return shown if len(names) <= at_most else f"{shown} and {len(names) - at_most} more"
