"""A partition that does not fit into a function is refused with numbers, before any is launched."""

import re

import numpy as np
import pytest

from burly.algorithms.kmeans import Assignment, Distances, KMeans
from burly.data.arrays import from_arrays
from burly.data.dataset import Dataset
from burly.exceptions import ConfigurationError
from burly.launchers import memory

ALGORITHM = KMeans(4)


def checked(data, n_workers, memory_mb):
    memory.check(ALGORITHM, data, data.split(n_workers), memory_mb=memory_mb, where="aws_lambda")


@pytest.fixture(scope="module")
def data():
    rows = np.lib.stride_tricks.as_strided(np.zeros(64, np.float32), (10_000_000, 50), (0, 4))
    return from_arrays(rows)


def test_the_need_is_rows_scratch_reading_and_imports(data):
    rows, scratch = 10_000_000 * 200, 10_000_000 * ALGORITHM.scratch_bytes(data.info)
    assert memory.needed_bytes(ALGORITHM, data, data.shards) == int(1.3 * rows + scratch + 164e6)


def test_results_as_long_as_the_data_are_part_of_the_need(data):
    centers, shift = np.zeros((300, 50), np.float32), np.zeros(50, np.float32)
    without = int(1.3 * 10_000_000 * 200 + 164e6)
    labels = memory.needed_bytes(Assignment(centers, shift), data, data.shards)
    distances = memory.needed_bytes(Distances(centers, shift), data, data.shards)
    assert labels == without + 10_000_000 * 4
    assert distances == without + 10_000_000 * 300 * 4


def test_what_fits_is_not_refused(data):
    checked(data, 4, 1769)


def test_what_does_not_fit_is_refused_with_what_to_do(data):
    with pytest.raises(ConfigurationError, match="a function of aws_lambda has 512 MB") as caught:
        checked(data, 2, 512)
    enough = int(re.search(r"at least (\d+) workers \(n_workers=\1\)", str(caught.value))[1])
    needed_mb = int(re.search(r"memory_mb=(\d+) would do", str(caught.value))[1])
    checked(data, enough, 512)
    checked(data, 2, needed_mb)
    with pytest.raises(ConfigurationError):
        checked(data, enough - 3, 512)
    with pytest.raises(ConfigurationError):
        checked(data, 2, needed_mb - 1)


def test_a_function_that_is_smaller_than_its_imports_is_told_to_grow(data):
    with pytest.raises(ConfigurationError, match="does not fit") as caught:
        checked(data, 100, 128)
    assert "n_workers" not in str(caught.value)


def test_the_rows_of_a_csv_file_are_guessed_from_its_bytes(tmp_path):
    lines = "1.5,2.5,3.5\n" * 50_000
    (tmp_path / "x.csv").write_text(lines)
    data = Dataset(tmp_path / "x.csv").resolve()
    rows = memory.needed_bytes(ALGORITHM, data, data.shards) - 164e6
    per_row = 1.3 * 12 + ALGORITHM.scratch_bytes(data.info)
    assert 0.9 < rows / (50_000 * per_row) < 1.1
