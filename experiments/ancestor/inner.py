"""The inner workers of the paper's protocol: processes that a worker forks again in every round."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

Work = Callable[[Any], tuple[Any, ...]]


def in_processes(work: Work, shares: Sequence[Any], groups: Sequence[Path]) -> list[tuple]:
    """Fork an inner worker for each share of the rows, and return what they send.

    Parameters
    ----------
    work : callable
        Takes a share, returns a tuple of arrays.
    shares : sequence
    groups : sequence of Path
        Control groups (emulated vCPUs), one for each inner worker; none: they run where they like.
    """
    started = []
    for inner, share in enumerate(shares):
        ours, theirs = multiprocessing.Pipe(duplex=False)
        group = groups[inner] if groups else None
        process = multiprocessing.Process(target=_be_inner, args=(work, share, group, theirs))
        process.start()
        theirs.close()
        started.append((process, ours))
    results = [pipe.recv() for _, pipe in started]
    for process, pipe in started:
        process.join()
        pipe.close()
    return results


def enter(group: Path) -> None:
    """Put the calling thread into a control group."""
    (group / "tasks").write_text(str(threading.get_native_id()))


def _be_inner(work: Work, share: Any, group: Path | None, pipe: Connection) -> None:
    if group is not None:
        enter(group)
    pipe.send(work(share))
    pipe.close()
    # What the fork brought along (connections, exit handlers) belongs to the worker.
    os._exit(0)
