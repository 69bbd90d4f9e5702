"""Typed wrappers over the native kernels, and the thread team that runs them."""

from __future__ import annotations


class ThreadTeam:
    """The threads of one worker."""

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
