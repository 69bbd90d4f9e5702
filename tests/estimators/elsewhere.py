"""Another processor, as far as NumPy and the library of linear algebra can be told of one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def run_elsewhere(statements: str) -> None:
    """Run statements in a process whose NumPy uses nothing but its baseline; they have to succeed."""
    native = np._core._multiarray_umath
    used = [name for name in native.__cpu_dispatch__ if native.__cpu_features__[name]]
    if not used:
        pytest.skip("NumPy has nothing to choose from on this processor")
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from numpy._core._multiarray_umath import __cpu_features__ as found\n"
        f"assert not any(found[name] for name in {used})\n"
        f"{statements}\n"
    )
    chosen = {"NPY_DISABLE_CPU_FEATURES": " ".join(used), "OPENBLAS_CORETYPE": "Haswell"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=os.environ | chosen,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
