"""Where a command may write: never over what it reads, nor twice to one file."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from burly.exceptions import ConfigurationError

_SCHEMES = frozenset(("s3:", "gs:", "az:", "file:", "http:", "https:"))


def check_targets(targets: Iterable[Path | None], inputs: Iterable[object] = ()) -> None:
    """Refuse files that could not be written, or whose writing would lose something, before any work.

    Parameters
    ----------
    targets : iterable of Path or None
        What the command is to write; None: nothing.
    inputs : iterable
        What it reads: paths, globs, folders, URIs.

    Raises
    ------
    burly.exceptions.ConfigurationError
    """
    read = [str(source) for source in inputs]
    taken: set[Path] = set()
    for path in targets:
        if path is None:
            continue
        _check_place(path)
        real = path.resolve()
        if real in taken:
            raise ConfigurationError(f"{path} would be written twice: name two files")
        taken.add(real)
        for source in read:
            if _reads(source, real):
                raise ConfigurationError(
                    f"{path} is read by this command, and writing it would lose it: name another file"
                )


def _check_place(path: Path) -> None:
    folder = path.absolute().parent
    if path.parts[0] in _SCHEMES and not folder.is_dir():
        raise ConfigurationError(f"{path} is no local file: name one, and copy it from there")
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder} to write {path} to")
    if not os.access(folder, os.W_OK):
        raise ConfigurationError(f"nothing can be written to the folder {folder}: name another one")
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder: name a file in it")
    if path.exists() and not path.is_file():
        raise ConfigurationError(f"{path} is a device or the like: name a file")


def _reads(source: str, target: Path) -> bool:
    """Tell whether a local source covers a file that exists."""
    if source.startswith("file://"):
        source = unquote(urlsplit(source).path)
    elif "://" in source:
        return False
    if not target.exists():
        return False
    found = [Path(source)]
    if not found[0].exists():
        found = [Path(name) for name in glob.iglob(source, recursive=True)]  # noqa: PTH207  may be absolute
    places = (place.resolve() for place in found)
    return any(place == target or (place.is_dir() and place in target.parents) for place in places)
