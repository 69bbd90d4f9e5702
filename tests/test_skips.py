import subprocess
import sys
from pathlib import Path

import pytest

SKIPPED = """
import pytest

@pytest.fixture
def missing():
    pytest.skip({reason!r})

def test_in_a_fixture(missing): ...

@pytest.mark.skipif(True, reason={reason!r})
def test_by_a_mark(): ...

@pytest.mark.xfail(strict=True)
def test_that_fails_as_expected():
    assert False
"""


@pytest.mark.parametrize(
    ("reason", "ci", "outcome"),
    [
        ("no server here", "", "2 skipped, 1 xfailed"),
        # A fixture that fails is an error to pytest.
        ("no server here", "true", "1 xfailed, 2 errors"),
        ("Store declares that it cannot tamper", "true", "2 skipped, 1 xfailed"),
    ],
)
def test_an_unexpected_skip_fails_in_ci_alone(tmp_path, monkeypatch, reason, ci, outcome):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    (tmp_path / "test_it.py").write_text(SKIPPED.format(reason=reason))
    (tmp_path / "conftest.py").write_text("from tests.skips import pytest_runtest_makereport\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert outcome in done.stdout, done.stdout
