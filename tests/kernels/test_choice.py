"""The best kernels that a processor can run are the ones in use."""

import platform
import re
from pathlib import Path

import pytest

from burly import kernels

NEEDS = {
    "avx512": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
    "avx2": {"avx2", "fma", "bmi1", "bmi2", "movbe", "f16c"},
}


@pytest.mark.skipif(
    platform.machine() != "x86_64" or not Path("/proc/cpuinfo").exists(),
    reason="the kernel of Linux lists the flags of x86-64 processors",
)
def test_what_can_run_is_what_the_operating_system_says():
    flags = set(
        re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)[1].split()
    )
    able = [name for name, needed in NEEDS.items() if needed <= flags]
    able = able if NEEDS["avx2"] <= flags else []
    assert list(kernels.runnable()) == able
