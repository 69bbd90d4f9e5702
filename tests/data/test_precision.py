"""Columns that float32 keeps in few steps are told where its choice is ours."""

import warnings

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from burly.data.dataset import Dataset
from burly.exceptions import PrecisionWarning


@pytest.fixture(params=["csv", "parquet"])
def stored(request, tmp_path):
    """Write columns "t" and "x"; return the file."""

    def write(t):
        path = tmp_path / f"t.{request.param}"
        x = np.linspace(-1.0, 1.0, len(t))
        if request.param == "csv":
            np.savetxt(path, np.c_[t, x], "%.3f", ",", header="t,x", comments="")
        else:
            parquet.write_table(pa.table({"t": t, "x": x}), path)
        return path

    return write


def test_times_in_seconds_are_told_with_the_remedy(stored):
    path = stored(1.7e9 + np.arange(200.0))
    with pytest.warns(
        PrecisionWarning, match=r"column 't' of .*steps of 1.3e\+02.*dtype='float64'"
    ):
        Dataset(path).resolve()


@pytest.mark.parametrize("t", [np.arange(200.0), np.full(200, 1.7e9), 1e4 + np.arange(200.0)])
def test_columns_that_float32_keeps_are_not(stored, t):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Dataset(stored(t)).resolve()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_type_that_was_asked_for_is_not(stored, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Dataset(stored(1.7e9 + np.arange(200.0)), dtype=dtype).resolve()
