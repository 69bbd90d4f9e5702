"""Lithops, imported quietly: the only file that does."""

from __future__ import annotations

import fcntl
import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

from burly.launchers.client_folder import client_folder

_log = logging.getLogger(__name__)
_importing = Lock()


class QuietLithops:
    """Lithops, imported quietly, in a folder of this process alone."""

    def __init__(self) -> None:
        self._lock: Path | None = None
        place = client_folder()
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
            _import_into(os.path.realpath(place.folder))
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


def _import_into(folder: str) -> None:
    """Import Lithops with its places in a folder.

    It works them out once, while ``lithops.constants`` is imported, from where temporary files go. To
    change that for a moment would change it for all threads of this process, whose files would go when
    the folder does; so its places are moved, before the rest of it has seen them.
    """
    constants = _alone("lithops", "constants")
    shared: str = vars(constants)["LITHOPS_TEMP_DIR"]
    own = f"{folder}/{Path(shared).name}"
    for name, value in list(vars(constants).items()):
        if isinstance(value, str) and f"{value}/".startswith(f"{shared}/"):
            setattr(constants, name, own + value.removeprefix(shared))
    vars(constants)["TEMP_DIR"] = folder
    sys.modules[constants.__name__] = constants
    vars(importlib.import_module("lithops"))["constants"] = constants


def _alone(package: str, name: str) -> ModuleType:
    """Return a module of a package that has not been imported."""
    found = importlib.util.find_spec(package)
    if found is not None and found.origin is not None:
        file = Path(found.origin).with_name(f"{name}.py")
        spec = importlib.util.spec_from_file_location(f"{package}.{name}", file)
        if spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    raise ModuleNotFoundError(f"No module named {package}.{name}", name=package)


def import_lithops() -> QuietLithops:
    """Return Lithops as this process imported it, which the first call does."""
    with _importing:
        return _imported(os.getpid())


@cache
def _imported(pid: int) -> QuietLithops:  # noqa: ARG001  a forked process has a folder of its own
    return QuietLithops()
