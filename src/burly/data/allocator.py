"""How a process that is ours alone holds the memory of parsing."""

from __future__ import annotations

import ctypes
from functools import cache

_M_ARENA_MAX = -8  # malloc.h of glibc


@cache
def use_one_arena() -> None:
    """Let all threads of this process share one arena of the C library.

    glibc gives threads arenas of their own, and each keeps what was freed in it: parsing on several
    threads then holds tens of MB that nobody uses. There is no way back, so this is for processes
    that do nothing else. Other C libraries have no such option, and are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
