"""A Lithops configuration, complete with what burly needs of it: from one mapping to another."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from burly.exceptions import ConfigurationError
from burly.launchers import platforms

LOCALHOST = "localhost"
LOCAL_INTERVAL_S = 0.2
"""How often the monitor of Lithops lists a local folder; its own 2 s suit object stores."""


def backend_of(given: Mapping[str, Any], backend: str | None) -> str:
    """Return the compute backend that a configuration means, where it is not named beside it."""
    general = given.get("lithops") or {}
    return backend or general.get("backend") or LOCALHOST


def complete(
    given: Mapping[str, Any],
    *,
    backend: str | None,
    n_workers: int,
    vcpus: float | None,
    memory_mb: int | None,
    interpreter: str,
) -> dict[str, Any]:
    """Return a configuration for a gang of so many functions of this size.

    Parameters
    ----------
    given : mapping
        The user's; it is not changed.
    backend : str or None
        Instead of the configuration's.
    n_workers : int
    vcpus : float or None
        None: the size is the configuration's.
    memory_mb : int or None
    interpreter : str
        What local functions run on.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If the platform sells no such function, or runs fewer at once.
    """
    config: dict[str, Any] = copy.deepcopy(dict(given))
    general = config["lithops"] = dict(config.get("lithops") or {})
    if backend:
        general["backend"] = backend
        general.pop("mode", None)
    backend = general.setdefault("backend", LOCALHOST)
    section = config[backend] = dict(config.get(backend) or {})
    general.update(
        data_cleaner=False,  # it would leave a process behind; what it cleans we clean
        data_limit=False,
        include_modules="none",
    )
    if backend == LOCALHOST:
        general.setdefault("storage", LOCALHOST)
        general.setdefault("monitoring_interval", LOCAL_INTERVAL_S)
        section.update(runtime=interpreter, worker_processes=n_workers, version=1)
        return config
    general["chunksize"] = section["worker_processes"] = 1
    if vcpus is not None:
        section.update(platforms.size(backend, vcpus, memory_mb).settings)
    elif memory_mb is not None:
        section["runtime_memory"] = memory_mb
    longest_s = platforms.longest_s(backend)
    if longest_s is not None:
        section.setdefault("runtime_timeout", longest_s)
    limit = min(section.get("max_workers", n_workers), platforms.max_workers(backend) or n_workers)
    if limit < n_workers:
        raise ConfigurationError(
            f"{backend} runs at most {limit} functions at once, and all {n_workers} workers "
            "have to: ask for fewer workers (n_workers) with more vCPUs (vcpus), or raise "
            "max_workers in its section of the Lithops configuration"
        )
    return config
