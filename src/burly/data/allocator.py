"""How a process that is ours alone holds the memory of parsing."""

from __future__ import annotations

import ctypes
from functools import cache

_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3  # malloc.h of glibc
_LARGE_BYTES = 128 << 10


@cache
def use_one_arena() -> None:
    """Let all threads of this process, and Arrow's, share one arena of the C library.

    glibc gives threads arenas of their own, and each keeps what was freed in it: parsing on several
    threads then holds tens of MB that nobody uses. So does an allocator of Arrow's own. There is no
    way back, so this is for processes that do nothing else. Other C libraries have no arenas to
    choose.
    """
    import pyarrow as pa  # noqa: PLC0415  workers that parse nothing do without

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
    pa.set_memory_pool(pa.system_memory_pool())
