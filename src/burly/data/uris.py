"""How the places of files and objects are written."""

from __future__ import annotations

import os
from urllib.parse import unquote

from burly.exceptions import ConfigurationError

SCHEMES = ("s3", "gs", "az", "file")


def absolute(uri: str | os.PathLike[str]) -> str:
    """Return the one way to write a place: an absolute local path, or ``scheme://bucket/key``.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If the scheme is not one of ours.
    """
    text = os.fspath(uri)
    if not text or "\0" in text:
        raise ConfigurationError(f"{text!r} names no file: give a path, a glob, a folder or a URI")
    scheme, colon, rest = text.partition("://")
    if not colon:
        # Path's own expanduser refuses what begins like the home of a user who is not there.
        path = os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111
        return path + "/" if text.endswith("/") and path != "/" else path
    if scheme not in SCHEMES:
        raise ConfigurationError(
            f"cannot read {text!r}: the scheme must be one of {', '.join(SCHEMES)}, "
            "or a path without one"
        )
    if scheme == "file":
        return "/" + unquote(rest.removeprefix("localhost")).lstrip("/")
    if not rest.partition("/")[0]:
        raise ConfigurationError(f"{text!r} names no bucket; write {scheme}://bucket/path")
    return text


def root_and_key(uri: str) -> tuple[str, str]:
    """Split an absolute place into its store (empty for local files) and the key inside it."""
    scheme, colon, rest = uri.partition("://")
    if not colon:
        return "", uri.lstrip("/")
    bucket, _, key = rest.partition("/")
    return f"{scheme}://{bucket}", key


def joined(root: str, key: str) -> str:
    """Undo `root_and_key`."""
    return f"{root}/{key}"
