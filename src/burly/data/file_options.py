"""The parameters of a dataset, as the formats see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from burly.data.columns import ColumnName


class Asked(Protocol):
    """The parameters of `burly.data.dataset.Dataset`, checked; each format takes those it knows."""

    @property
    def columns(self) -> Sequence[ColumnName] | None: ...
    @property
    def label(self) -> ColumnName | None: ...
    @property
    def weight(self) -> ColumnName | None: ...
    @property
    def final(self) -> np.dtype[Any] | None:
        """The type of the features; None where the data decides."""

    @property
    def header(self) -> bool | None: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def n_features(self) -> int | None: ...
    @property
    def zero_based(self) -> bool | None: ...
