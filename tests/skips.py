"""In CI a test that is skipped fails, unless it needs what no package gives.

A server or a library that is missing would otherwise hide what its tests no longer see.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Generator

import pytest

ALLOWED = [
    r"declares that it (cannot|does not)",  # a state store, of a fault in the suite of all stores
    r"no cgroup v1 'cpu' controller|run the experiments as root",
    r"NumPy has nothing to choose from on this processor",
    r"SCIPY_ARRAY_API is not set",  # a check of scikit-learn for arrays that are not NumPy's
]
if platform.machine() != "x86_64":
    ALLOWED.append(r"flags of x86-64")
if (sys.platform, platform.machine()) != ("linux", "x86_64"):
    ALLOWED.append(r"fake-gcs-server")
if shutil.which("npm") is None:
    ALLOWED.append(r"npm install")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if os.environ.get("CI") and call.excinfo and call.excinfo.errisinstance(pytest.skip.Exception):
        reason = str(call.excinfo.value)
        if not any(re.search(allowed, reason) for allowed in ALLOWED):
            report.outcome = "failed"
            report.longrepr = f"skipped for a reason that tests/skips.py does not allow: {reason}"
    return report
