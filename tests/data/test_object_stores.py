"""Processes that may use object stores, and those that may not."""

import subprocess
import sys

import numpy as np
import pytest

FIT = """
import multiprocessing, sys
from burly import Dataset, KMeans

def fit():
    try:
        KMeans(2, random_state=0, n_threads=1).fit(Dataset(sys.argv[1]))
    except Exception as error:
        print(type(error).__name__, error)
    else:
        print("fitted")

if {before}:
    fit()
child = multiprocessing.get_context("fork").Process(target=fit)
child.start()
child.join()
"""


@pytest.mark.parametrize(
    ("before", "says"),
    [(False, ["fitted"]), (True, ["fitted", "ConfigurationError this process was forked"])],
)
def test_a_process_forked_from_one_that_read_files_is_refused(tmp_path, before, says):
    np.save(tmp_path / "x.npy", np.arange(20.0).reshape(10, 2))
    done = subprocess.run(
        [sys.executable, "-c", FIT.format(before=before), str(tmp_path / "x.npy")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(says)
    assert all(map(str.startswith, lines, says))
