"""K-means as its ancestors had it: the paper's protocol, written afresh.

The protocol is that of Predoaia and Garcia-Lopez, "Leveraging Intra-Function Parallelism in
Serverless Machine Learning" (WoSC '23, doi 10.1145/3631295.3631399), as its public implementation
has it. Workers are Lithops functions; what they share are objects of ``lithops.multiprocessing`` on
a Redis server: arrays of centres, sums and counts with one element a cluster, one lock a cluster, a
barrier and a flag. In a round, every worker

1. reads the centres;
2. forks its inner workers, a process each, which assign their rows one at a time with NumPy and
   send labels, counts and sums back through pipes (without inner workers it does that itself);
3. adds its counts and sums to the shared ones, cluster by cluster, under the cluster's lock;
4. waits at the barrier; worker 0 divides sums by counts, writes the centres, clears sums and
   counts, and sets the flag if nothing moved;
5. waits at the barrier again, and reads the flag.

Two differences, both in the ancestor's favour: workers get their rows as arrays and not as text,
and the clock starts only when all of them are ready.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lithops.multiprocessing as shared
import numpy as np
from numpy.typing import NDArray

from ancestor.clock import Clock, Spent
from ancestor.inner import enter, in_processes

Rows = NDArray[np.float64]


@dataclass
class Board:
    """What the workers share."""

    centres: Any
    sums: Any
    counts: Any
    locks: list[Any]
    barrier: Any
    converged: Any


def make_board(centres: Rows, n_workers: int) -> Board:
    """Put the first centres and empty sums where all workers find them."""
    nothing = [0] * len(centres)
    return Board(
        centres=shared.Array("d", list(centres)),
        sums=shared.Array("d", nothing),
        counts=shared.Array("i", nothing),
        locks=[shared.Lock() for _ in centres],
        barrier=shared.Barrier(n_workers),
        converged=shared.RawValue("i", 0),
    )


def assign_rows(rows: Rows, centres: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64], Rows]:
    """Label rows one by one; return labels, counts and sums: the work of an inner worker."""
    labels = np.empty(len(rows), np.int64)
    counts = np.zeros(len(centres), np.int64)
    sums = np.zeros_like(centres)
    for i, row in enumerate(rows):
        nearest = np.square(centres - row).sum(axis=1).argmin()
        labels[i] = nearest
        counts[nearest] += 1
        sums[nearest] += row
    return labels, counts, sums


def assign(
    rows: Rows, centres: Rows, n_inner: int, groups: Sequence[Path]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Rows]:
    """Label the rows of a worker, in inner workers if there are any."""
    if n_inner == 0:
        return assign_rows(rows, centres)
    work = partial(assign_rows, centres=centres)
    labels, counts, sums = zip(
        *in_processes(work, np.array_split(rows, n_inner), groups), strict=True
    )
    return np.concatenate(labels), np.sum(counts, axis=0), np.sum(sums, axis=0)


def share_sums(board: Board, counts: NDArray[np.int64], sums: Rows, clock: Clock) -> None:
    """Add one worker's counts and sums to everybody's, each cluster under its lock."""
    for cluster, lock in enumerate(board.locks):
        with lock:
            clock.lap("locks")
            board.counts[cluster] += int(counts[cluster])
            board.sums[cluster] += sums[cluster]
            clock.lap("contribute")
    clock.lap("locks")


def move_centres(board: Board, old: Rows) -> None:
    """Turn the shared sums into centres and clear them: what worker 0 does for all."""
    new = old.copy()
    for cluster in range(len(old)):
        count, total = board.counts[cluster], board.sums[cluster]
        if count:
            new[cluster] = total / count
        board.centres[cluster] = new[cluster]
        board.counts[cluster] = 0
        board.sums[cluster] = 0
    if np.allclose(new, old):
        board.converged.value = 1


def train(
    rank: int, rows: Rows, board: Board, *, n_inner: int, n_rounds: int, groups: Sequence[Path]
) -> Spent:
    """Take part in the training: the body of a function."""
    clock = Clock()
    if groups and n_inner == 0:
        enter(groups[0])
    board.barrier.wait()
    clock.begin()
    done = 0
    while done < n_rounds and not board.converged.value:
        centres = np.array(board.centres[:])
        clock.lap("receive")
        _, counts, sums = assign(rows, centres, n_inner, groups)
        clock.lap("compute")
        share_sums(board, counts, sums, clock)
        board.barrier.wait()
        clock.lap("wait")
        if rank == 0:
            move_centres(board, centres)
            clock.lap("update")
        board.barrier.wait()
        clock.lap("wait")
        done += 1
    return clock.end(done)
