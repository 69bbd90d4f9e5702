"""End local functions when their client process is gone, even if it was killed."""

from __future__ import annotations

import os
import signal
import threading
import time

GLANCE_S = 1.0
"""How often a function looks whether its client is there."""


def end_with(client: int) -> None:
    """End this process, and all of its group that the client is not in, once the client is gone.

    Parameters
    ----------
    client : int
        The number of a process on this machine.
    """
    threading.Thread(target=_watch, args=(client,), name="lifeline", daemon=True).start()


def _watch(client: int) -> None:
    is_apart = False
    while (group := _group_of(client)) is not None:
        is_apart = group != os.getpgrp()
        time.sleep(GLANCE_S)
    if is_apart:
        # Lithops puts the process that runs our functions, and these, into a session of their own.
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _group_of(process: int) -> int | None:
    try:
        return os.getpgid(process)
    except ProcessLookupError:
        return None
