"""Fetch the next bytes while the cores parse the ones before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore
from typing import TypeVar

Item = TypeVar("Item")
Fetched = TypeVar("Fetched")
Parsed = TypeVar("Parsed")


def fetch_and_parse(
    items: Sequence[Item],
    fetch: Callable[[Item], Fetched],
    parse: Callable[[Fetched], Parsed],
    *,
    n_threads: int,
    n_ahead: int,
) -> list[Parsed]:
    """Fetch and parse items, on more threads than may parse at a time.

    Parameters
    ----------
    items : sequence
    fetch : callable
        Waits for the network, and does little else.
    parse : callable
        Turns what was fetched into a result.
    n_threads : int
        How many may parse at a time.
    n_ahead : int
        How many more may be fetched, or wait for a core; each holds its bytes.

    Returns
    -------
    list
        The results, in the order of the items.
    """
    gate = Semaphore(n_threads)

    def read(item: Item) -> Parsed:
        fetched = fetch(item)
        with gate:
            return parse(fetched)

    if len(items) <= 1:
        return [read(item) for item in items]
    with ThreadPoolExecutor(n_threads + n_ahead, "burly-read") as pool:
        tasks = [pool.submit(read, item) for item in items]
        try:
            return [task.result() for task in tasks]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
