"""Where burly does not run, importing it says so."""

import subprocess
import sys


def test_windows_is_refused_with_what_to_do():
    program = "import sys; sys.platform = 'win32'; import burly"
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.stderr.endswith("ImportError: burly runs on Linux and macOS; on Windows use WSL\n")
