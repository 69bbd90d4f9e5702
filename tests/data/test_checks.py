import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from burly.data.arrays import from_arrays
from burly.data.checks import refuse_non_finite
from burly.exceptions import NonFiniteError


def test_columns_that_are_not_finite_are_named_with_their_counts():
    X = pd.DataFrame(np.zeros((9000, 3)), columns=["a", "b", "c"])
    X.iloc[[1, 8999], 1] = np.nan
    X.iloc[5, 2] = np.inf
    data = from_arrays(X)
    with pytest.raises(NonFiniteError, match=r"column 'b' \(2\), 'c' \(1\) "):
        refuse_non_finite(data.read(data.shards, 1))


def test_finite_values_are_not_refused():
    data = from_arrays(np.zeros((3, 2)))
    refuse_non_finite(data.read(data.shards, 1))


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        ("burly.data.reading, burly.data.read_npy, burly.data.read_packed", "pyarrow"),
        ("burly.data.dataset, burly.data.upload, burly.data.outputs", "pyarrow"),
        ("burly.data.read_csv, burly.data.read_parquet", "sklearn"),
        ("burly.data.read_csv, burly.data.read_parquet", "pandas"),
    ],
)
def test_a_worker_imports_no_more_than_it_needs(modules, absent):
    code = f"import sys, {modules}; sys.exit({absent!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_reading_imports_no_pandas(tmp_path, name):
    path = tmp_path / name
    if name == "x.csv":
        path.write_text("a,y\n1,u\n,v\n")
    else:
        parquet.write_table(pa.table({"a": [1.0, None], "y": ["u", "v"]}), path)
    code = (
        "import sys; from burly.data.dataset import Dataset; "
        f"data = Dataset({str(path)!r}, label='y').resolve(); data.read(data.shards, 2); "
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
