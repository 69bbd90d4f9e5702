"""Arrow's columns as NumPy arrays, converted without pandas, which Arrow itself would import."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def numbers(values: pa.Array) -> NDArray[Any]:
    """Return a column of numbers, without a copy where it has no gaps; gaps become NaN."""
    kind = values.type
    if pa.types.is_boolean(kind):
        values = values.cast(pa.uint8())
    elif pa.types.is_decimal(kind):
        values = values.cast(pa.float64())
    if not values.null_count:
        return np.from_dlpack(values)
    if not pa.types.is_floating(values.type):
        # As NumPy does with numbers above 2**53: to the nearest.
        values = values.cast(pa.float64(), safe=False)
    dtype = np.dtype(values.type.to_pandas_dtype())
    filled = np.frombuffer(values.buffers()[1], dtype, len(values), values.offset * dtype.itemsize)
    gaps = np.from_dlpack(values.is_null().cast(pa.uint8())).astype(np.bool_)
    return np.where(gaps, dtype.type(np.nan), filled)


def labels(values: pa.Array) -> NDArray[Any]:
    """Return a column of labels without gaps, in its own type; text as fixed-width characters."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_boolean(values.type):
        return numbers(values).astype(np.bool_)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        # Nothing is ever pickled, so text cannot travel as Python's objects.
        return np.array(values.to_pylist(), dtype=np.str_)
    return numbers(values).copy()
