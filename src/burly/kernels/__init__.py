"""Typed wrappers over the native kernels, and the thread team that runs them.

There is one native module a vector width, with the same bits from each. The best that this
processor can run is loaded when the first team is made; the environment variable ``BURLY_KERNELS``
(avx2, avx512 or neon) forces one.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType, TracebackType
from typing import Self

from burly.exceptions import ConfigurationError, UnsupportedProcessorError

KERNELS = ("avx512", "avx2", "neon")
"""The kernel modules there are, over all processors."""


@cache
def runnable() -> tuple[str, ...]:
    """Return the names of the kernel modules that this processor can run, best first."""
    cpu = importlib.import_module("burly.kernels._cpu")
    return tuple(cpu.runnable())


@cache
def load(name: str) -> ModuleType:
    """Return the kernel module of a name.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If there is no such module, or this processor cannot run it.
    """
    if name not in KERNELS:
        raise ConfigurationError(f"unknown kernels {name!r}; there are {', '.join(KERNELS)}")
    if name not in runnable():
        raise ConfigurationError(
            f"this processor cannot run the kernels {name!r}; it can run "
            f"{', '.join(runnable()) or 'none'}"
        )
    return importlib.import_module(f"burly.kernels._{name}")


def name() -> str:
    """Return the name of the kernels in use: the best, or what ``BURLY_KERNELS`` says.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If ``BURLY_KERNELS`` names kernels that cannot run here.
    burly.exceptions.UnsupportedProcessorError
        If the processor has no fused multiply-add: it would compute other bits.
    """
    forced = os.environ.get("BURLY_KERNELS")
    if forced:
        load(forced)
        return forced
    if not runnable():
        raise UnsupportedProcessorError(
            "this processor has no fused multiply-add (AVX2 with FMA, or arm64), so its results "
            "would differ from those of other processors; run burly on a newer one"
        )
    return runnable()[0]


@cache
def native() -> ModuleType:
    """Return the kernel module that was in use at first; raises as `name` does."""
    return load(name())


class ThreadTeam:
    """The threads of one worker: made once, parked between steps, ended by `close`.

    Use it as a context manager. A team belongs to the process that made it: it does not survive
    fork. One step runs at a time; a second caller waits.

    Parameters
    ----------
    n_threads : int
        How many threads compute.
    dedicated : bool, default False
        False: the calling thread is one of them, which saves two switches a step. True: it only
        waits, and all are the team's own.
    kernels : str or None, default None
        The kernels this team runs; None for those in use (`name`).
    on_start : callable, optional
        Called once with `thread_ids`, for a hook that binds the threads or puts them into a control
        group.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If n_threads is not a positive number, or the kernels cannot run here.
    burly.exceptions.UnsupportedProcessorError
        If no kernels can run here.
    """

    def __init__(
        self,
        n_threads: int,
        *,
        dedicated: bool = False,
        kernels: str | None = None,
        on_start: Callable[[Sequence[int]], None] | None = None,
    ) -> None:
        if isinstance(n_threads, bool) or not isinstance(n_threads, int) or n_threads < 1:
            raise ConfigurationError(f"n_threads is a positive whole number, got {n_threads!r}")
        self.n_threads = n_threads
        self.kernels = name() if kernels is None else kernels
        self.module = load(self.kernels)
        try:
            self.native = self.module.Team(n_threads, dedicated)
        except RuntimeError as error:
            raise ConfigurationError(
                f"cannot start {n_threads} threads: {error}; ask for fewer with n_threads"
            ) from error
        self.thread_ids: tuple[int, ...] = tuple(self.native.thread_ids)
        if on_start is not None:
            on_start(self.thread_ids)

    def close(self) -> None:
        """End the threads; a second call does nothing."""
        self.native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
