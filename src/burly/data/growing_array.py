"""An array that grows at its end without ever being in memory twice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Growing:
    """Rows appended to one array.

    The array is resized in place: for large arrays the C library moves pages instead of copying
    bytes, so there is never a second copy, and at most an eighth of room is kept ahead.
    """

    def __init__(self) -> None:
        self._room: NDArray[Any] | None = None
        self._n_rows = 0

    def append(self, rows: NDArray[Any] | None) -> None:
        """Append rows; None is passed over."""
        if rows is None:
            return
        end = self._n_rows + len(rows)
        if self._room is None:
            self._room = np.array(rows)
        elif rows.dtype.itemsize > self._room.dtype.itemsize:
            # Longer text than before.
            self._room = self._room.astype(rows.dtype)
        if len(self._room) < end:
            room = max(end, len(self._room) + len(self._room) // 8)
            self._room.resize((room, *rows.shape[1:]), refcheck=False)
        self._room[self._n_rows : end] = rows
        self._n_rows = end

    @property
    def array(self) -> NDArray[Any] | None:
        """All rows, and no room beyond; None if nothing was appended."""
        if self._room is not None and len(self._room) > self._n_rows:
            self._room.resize((self._n_rows, *self._room.shape[1:]), refcheck=False)
        return self._room
