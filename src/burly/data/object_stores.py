"""Which store a place is in, and how it is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore import exceptions as foreign
from obstore.store import AzureStore, GCSStore, LocalStore, S3Store

from burly.data.store_errors import opening
from burly.data.uris import root_and_key
from burly.exceptions import ConfigurationError, DataAccessError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

    Kind = type[S3Store | GCSStore | AzureStore]

_KINDS: Mapping[str, tuple[Kind, str, tuple[str, ...]]] = {
    "s3": (S3Store, "AWS_", ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")),
    "gs": (GCSStore, "GOOGLE_", ("GOOGLE_BASE_URL",)),
    "az": (AzureStore, "AZURE_", ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")),
}
"""For each scheme its store, what its variables begin with, and those that say where it is."""
_RETRY: RetryConfig = {"max_retries": 6, "retry_timeout": timedelta(seconds=60)}


_processes: set[int] = set()
"""The processes, this one or one that it was forked from, in which objects were asked for."""


def variables_of(uris: Iterable[str]) -> tuple[str, ...]:
    """Return what the variables begin with that set the stores of some absolute places."""
    schemes = {root_and_key(uri)[0].partition("://")[0] for uri in uris}
    return tuple(prefix for scheme, (_, prefix, _) in _KINDS.items() if scheme in schemes)


def check_process() -> None:
    """Refuse to wait for ever: the threads that fetch objects are not there after a fork.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If this process was forked from one that had asked for objects.
    """
    here = os.getpid()
    if not _processes:
        _processes.add(here)
    elif here not in _processes:
        raise ConfigurationError(
            "this process was forked from one in which burly had read or written files, and cannot do "
            'that itself: start it with multiprocessing\'s "spawn" or "forkserver" method, or fork before'
        )


def check_folder(path: str) -> None:
    """Refuse a local folder, which need not exist yet, where nothing can be written.

    Raises
    ------
    burly.exceptions.ConfigurationError, burly.exceptions.DataAccessError
        If it is a file or in one; if its owner or mode forbid it.
    """
    folder = path or "/"
    while not os.path.exists(folder):  # noqa: PTH110  Path.exists raises where it may not look
        folder = os.path.dirname(folder)  # noqa: PTH120
    if not os.path.isdir(folder):  # noqa: PTH112
        raise ConfigurationError(f"{folder} is a file: name a folder for the output")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DataAccessError(
            f"nothing can be written in {folder}: check its owner and mode, or name another folder for "
            "the output"
        )


def open_store(root: str, credentials: Mapping[str, str]) -> ObjectStore:
    """Open the store of a root, as `burly.data.uris.root_and_key` gives it.

    Parameters
    ----------
    root : str
        ``scheme://bucket``; empty for local files.
    credentials : mapping of str to str
        Overrides the environment, variable by variable; what the store does not know is left out.

    Raises
    ------
    burly.exceptions.ConfigurationError, burly.exceptions.DataAccessError
        If the settings cannot work.
    """
    if not root:
        return LocalStore()
    scheme, _, bucket = root.partition("://")
    kind, prefix, places = _KINDS[scheme]
    settings = {**os.environ, **credentials}
    endpoints = {name: settings[name] for name in places if settings.get(name)}
    for name, endpoint in endpoints.items():
        _check_endpoint(name, endpoint)
    insecure = any(endpoint.startswith("http://") for endpoint in endpoints.values())
    client: ClientConfig = {"allow_http": insecure}
    given = {k: v for k, v in credentials.items() if k.startswith(prefix) and _knows(scheme, k)}
    with opening(root):
        return kind(bucket, config=given, client_options=client, retry_config=_RETRY)  # type: ignore[arg-type]


def _check_endpoint(name: str, endpoint: str) -> None:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in endpoint:
        raise ConfigurationError(
            f"{name} is {endpoint!r}, which is no address: write http://host:port or https://host"
        )


@cache
def _knows(scheme: str, name: str) -> bool:
    """Whether a store takes a variable; of the many that begin alike it refuses the others."""
    kind, _, _ = _KINDS[scheme]
    try:
        kind("any", config={name: ""})  # type: ignore[arg-type]
    except foreign.UnknownConfigurationKeyError:
        return False
    except foreign.BaseError:
        return True
    return True
