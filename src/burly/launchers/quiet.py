"""Lithops, imported quietly: the only file that does."""

from __future__ import annotations

import fcntl
import importlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from burly.launchers.workplace import workplace

_log = logging.getLogger(__name__)


class QuietLithops:
    """Lithops, imported quietly, in a folder of this process alone."""

    def __init__(self) -> None:
        self._lock: Path | None = None
        place = workplace()
        if "lithops" in sys.modules:
            folder = Path(sys.modules["lithops.constants"].LITHOPS_TEMP_DIR)
            self._lock = folder / ".burly.lock"
            self.interpreter = place.interpreter(tmpdir=None)
            _log.warning(
                "Lithops was imported before burly could give it a folder of its own: "
                "it shares %s with other clients",
                folder,
            )
        else:
            self.interpreter = place.interpreter(tmpdir=str(place.folder))
            with place.as_temporary_folder():
                importlib.import_module("lithops")
        logging.getLogger("lithops").addHandler(logging.NullHandler())

    def module(self, name: str) -> Any:
        return importlib.import_module(name)

    @contextmanager
    def to_ourselves(self) -> Iterator[None]:
        """Keep other clients out of a shared folder."""
        if self._lock is None:
            yield
            return
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def lithops() -> QuietLithops:
    """Return Lithops as this process imported it, which the first call does."""
    return _imported(os.getpid())


@cache
def _imported(pid: int) -> QuietLithops:  # noqa: ARG001  a forked process has a folder of its own
    return QuietLithops()
