"""Which allocator parsing uses, in processes that belong to burly only."""

from __future__ import annotations

import ctypes
from functools import cache

ARROW_ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
"""What the environment has to say before Arrow is imported, so that it shares the C library's allocator.

Its own keeps tens of MB that nobody uses. Choosing a pool later does not reach the pages that Parquet is
decoded from.
"""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h of glibc
_LARGE_BYTES = 4 << 20
"""Pages of Parquet and blocks of CSV are below: they would be faulted in anew each time."""
_KEPT_BYTES = 8 << 20


@cache
def use_one_arena() -> None:
    """Let all threads of this process share one arena of the C library.

    glibc gives threads arenas of their own, and each keeps what was freed in it: parsing on several
    threads then holds tens of MB that nobody uses. There is no way back, so this is for processes
    that do nothing else. Other C libraries have no arenas to choose.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
