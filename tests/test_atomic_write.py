import subprocess
import sys

import pytest

from burly.atomic_write import replacing


def test_a_new_file_takes_the_place_of_the_old_one_at_the_end(tmp_path):
    target = tmp_path / "it"
    target.write_text("old")
    with replacing(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_the_old_file_alone_and_nothing_beside_it(tmp_path):
    target = tmp_path / "it"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError), replacing(target) as partial:
        partial.write_text("half \udc80")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_process_that_is_killed_leaves_the_old_file(tmp_path):
    target = tmp_path / "it"
    target.write_text("old")
    program = (
        "import os, signal, sys; from pathlib import Path; from burly.atomic_write import replacing\n"
        "with replacing(Path(sys.argv[1])) as partial:\n"
        "    partial.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(target)], check=False)
    assert done.returncode == -9
    assert target.read_text() == "old"


def test_what_is_no_file_is_not_replaced(tmp_path):
    with pytest.raises(OSError, match="not a file"), replacing(tmp_path):
        pass
