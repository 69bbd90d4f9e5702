"""The folder of this client process, and the interpreter that its local functions run on."""

from __future__ import annotations

import atexit
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_HEIR = """
read -r _
rm -rf "$1"
sleep 3
rm -rf "$1"
"""


@dataclass(frozen=True, slots=True)
class ClientFolder:
    """A folder of this client alone.

    Attributes
    ----------
    folder : Path
        Removed when this process ends, however it does.
    """

    folder: Path

    def interpreter(self, *, tmpdir: str | None) -> str:
        """Return a command that is this interpreter as local functions need it.

        It finds its modules where this process finds them and not beside the script it runs, and
        loads numerical libraries with one thread: the threads of a worker are burly's own. Changes
        to our own environment would do the same, but all threads of this process would see them.

        Parameters
        ----------
        tmpdir : str or None
            Where temporary files go; None: where they go anyway.
        """
        settings = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        if tmpdir is not None:
            settings["TMPDIR"] = tmpdir
        exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())
        script = self.folder / "python"
        script.write_text(
            f'#!/bin/sh\n{exports} exec {shlex.quote(sys.executable)} -P "$@"\n', encoding="utf-8"
        )
        script.chmod(0o700)
        return str(script)


def client_folder() -> ClientFolder:
    """Return the folder of this process; a process that was forked gets its own."""
    return _workplace(os.getpid())


@cache
def _workplace(pid: int) -> ClientFolder:
    folder = Path(tempfile.mkdtemp(prefix="burly-"))
    # The pipe closes with this process; its functions need a moment more (`exit_with_client`).
    heir = subprocess.Popen(  # noqa: S603 (a fixed shell and our own arguments)
        ["/bin/sh", "-c", _HEIR, "burly-folder", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C is for the client, which cleans up itself.
        start_new_session=True,
    )
    atexit.register(_remove, folder, heir, pid)
    return ClientFolder(folder)


def _remove(folder: Path, heir: subprocess.Popen[bytes], pid: int) -> None:
    if os.getpid() == pid:
        heir.kill()
        heir.communicate()  # waits, and closes the pipe
        shutil.rmtree(folder, ignore_errors=True)
