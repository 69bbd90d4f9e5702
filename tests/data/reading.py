"""What several tests of the data layer need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.data.dataset import Dataset
from burly.data.partition import ShardRows
from burly.data.resolved import ResolvedDataset


def read_all(data: ResolvedDataset, n_workers: int = 1, n_threads: int = 2) -> list[ShardRows]:
    """Read a dataset as so many workers do."""
    parts = data.split(n_workers)
    return [rows for part in parts for rows in data.read(part, n_threads).shards]


def rows_of(shards: list[ShardRows]) -> NDArray[Any]:
    """Return the features of all shards."""
    return np.concatenate([rows.X for rows in shards])


def read_rows(source: Path | str, **parameters: Any) -> NDArray[Any]:
    """Read the features of a file."""
    return rows_of(read_all(Dataset(source, **parameters).resolve()))


def write(folder: Path, name: str, text: str | bytes) -> Path:
    """Write a file without any translation."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path
