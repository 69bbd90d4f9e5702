import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "memory.py"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")


@pytest.fixture(scope="module")
def memory():
    spec = importlib.util.spec_from_file_location("burly_benchmarks_memory", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_worker_needs_little_beside_its_partition(memory, tmp_path):
    broken = {}
    for name, data, n_workers in memory.cases(tmp_path, n_rows=600_000, n_columns=32):
        peak, partition = memory.measure(data, n_workers)
        if peak > memory.bound_bytes(partition):
            broken[name] = (peak, partition)
    assert broken == {}
