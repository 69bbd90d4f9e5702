"""How many cores this process really has.

What a machine shows is not what a function is granted: a container with one vCPU sees all cores
of its host, and a team of one thread a visible core would be throttled most of the time. The grant
is the smallest of the scheduler's affinity mask, the CPU quota of every control group above the
process (cgroup v1 and v2), and on AWS Lambda the share that comes with the function's memory.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

LAMBDA_MB_PER_VCPU = 1769
"""AWS Lambda grants one vCPU per 1769 MB of memory (AWS Lambda Developer Guide, "Memory")."""


def quota(*, root: Path = Path("/"), environ: Mapping[str, str] | None = None) -> float:
    """Return the cores this process may use at most, as a fraction.

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` are found.
    environ : mapping of str to str, optional
        The environment; by default that of this process.

    Returns
    -------
    float
        For example 1.7 in a function of AWS Lambda with 3008 MB.
    """
    environ = os.environ if environ is None else environ
    limits = [float(_affinity()), *_group_quotas(root)]
    memory = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if memory.isdigit() and int(memory) > 0:
        limits.append(int(memory) / LAMBDA_MB_PER_VCPU)
    return min(limits)


def granted(*, root: Path = Path("/"), environ: Mapping[str, str] | None = None) -> int:
    """Return how many threads the quota feeds: the quota, rounded to the nearest, at least 1."""
    return max(1, math.floor(quota(root=root, environ=environ) + 0.5))


def available(*, root: Path = Path("/"), environ: Mapping[str, str] | None = None) -> int:
    """Return how many threads to use in this process.

    That is what is granted, or ``OMP_NUM_THREADS`` where that is less: whoever set it wants the
    numerical libraries of this process to use no more.
    """
    environ = os.environ if environ is None else environ
    n_threads = granted(root=root, environ=environ)
    wanted = environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if wanted.isdigit() and int(wanted) > 0:
        n_threads = min(n_threads, int(wanted))
    return n_threads


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _group_quotas(root: Path) -> Iterator[float]:
    """Yield the quota of every control group that this process is in, in cores."""
    mounts = _lines(root / "proc/self/mountinfo")
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            for folder in _folders(mounts, root, path, kind="cgroup2", controller=None):
                yield from _quota_v2(folder)
        elif "cpu" in controllers.split(","):
            for folder in _folders(mounts, root, path, kind="cgroup", controller="cpu"):
                yield from _quota_v1(folder)


def _folders(
    mounts: list[str], root: Path, path: str, *, kind: str, controller: str | None
) -> Iterator[Path]:
    """Yield the folder of a control group and of all above it, wherever they are mounted."""
    for line in mounts:
        fields, _, options = line.partition(" - ")
        _, _, _, mounted, point, *_ = fields.split()
        filesystem, *_, flags = options.split()
        if filesystem != kind or (controller and controller not in flags.split(",")):
            continue
        top = root / point.lstrip("/")
        inside = path.removeprefix(mounted.rstrip("/")) if mounted != "/" else path
        folder = top / inside.lstrip("/")
        while folder != top and top in folder.parents:
            yield folder
            folder = folder.parent
        yield top


def _quota_v2(folder: Path) -> Iterator[float]:
    for line in _lines(folder / "cpu.max"):
        runtime_us, _, period_us = line.partition(" ")
        if runtime_us != "max":
            yield int(runtime_us) / int(period_us or 100_000)


def _quota_v1(folder: Path) -> Iterator[float]:
    runtime_us = _lines(folder / "cpu.cfs_quota_us")
    period_us = _lines(folder / "cpu.cfs_period_us")
    if runtime_us and period_us and int(runtime_us[0]) > 0:
        yield int(runtime_us[0]) / int(period_us[0])


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
