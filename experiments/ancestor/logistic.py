"""Logistic regression as its ancestors had it: the paper's protocol, written afresh.

As `ancestor.kmeans`, with less to share: an array of weights, one of gradients, one lock and one
barrier. In a round, every worker

1. reads the weights;
2. forks its inner workers, each of which sums the gradient over its rows with NumPy (without inner
   workers it does that itself);
3. adds its gradient to the shared one, under the lock;
4. waits at the barrier; worker 0 takes a step against the sum and clears it;
5. waits at the barrier again.

The step is a fixed learning rate times the gradient summed over all rows; the first weight is the
intercept. As for k-means, rows come as arrays, and the clock starts when all workers are ready.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lithops.multiprocessing as shared
import numpy as np
from numpy.typing import NDArray

from ancestor.clock import Clock, Spent
from ancestor.inner import enter, in_processes

Floats = NDArray[np.float64]
Share = tuple[Floats, Floats]


@dataclass
class Board:
    """What the workers share."""

    weights: Any
    gradient: Any
    lock: Any
    barrier: Any


def make_board(n_features: int, n_workers: int) -> Board:
    """Put weights of zero where all workers find them."""
    zeros = [0.0] * (n_features + 1)
    return Board(
        weights=shared.Array("d", zeros),
        gradient=shared.Array("d", zeros),
        lock=shared.Lock(),
        barrier=shared.Barrier(n_workers),
    )


def gradient_of(rows: Floats, labels: Floats, weights: Floats) -> Floats:
    """Sum the gradient of the loss over rows whose first column is ones; labels are 0 and 1."""
    return rows.T @ (1 / (1 + np.exp(-(rows @ weights))) - labels)


def sum_gradient(
    shares: Sequence[Share], weights: Floats, n_inner: int, groups: Sequence[Path]
) -> Floats:
    """Sum the gradient over the rows of a worker, in inner workers if there are any."""
    if n_inner == 0:
        return gradient_of(*shares[0], weights)

    def work(share: Share) -> tuple[Floats]:
        return (gradient_of(*share, weights),)

    return np.sum([gradient for (gradient,) in in_processes(work, shares, groups)], axis=0)


def train(
    rank: int,
    rows: Floats,
    labels: Floats,
    board: Board,
    *,
    n_inner: int,
    n_rounds: int,
    learning_rate: float,
    groups: Sequence[Path],
) -> Spent:
    """Take part in the training: the body of a function."""
    clock = Clock()
    if groups and n_inner == 0:
        enter(groups[0])
    n_shares = max(1, n_inner)
    extended = np.array_split(np.c_[np.ones(len(rows)), rows], n_shares)
    shares = list(zip(extended, np.array_split(labels, n_shares), strict=True))
    board.barrier.wait()
    clock.begin()
    for _ in range(n_rounds):
        weights = np.array(board.weights[:])
        clock.lap("receive")
        gradient = sum_gradient(shares, weights, n_inner, groups)
        clock.lap("compute")
        with board.lock:
            clock.lap("locks")
            board.gradient[:] = (np.array(board.gradient[:]) + gradient).tolist()
            clock.lap("contribute")
        clock.lap("locks")
        board.barrier.wait()
        clock.lap("wait")
        if rank == 0:
            total = np.array(board.gradient[:])
            board.weights[:] = (weights - learning_rate * total).tolist()
            board.gradient[:] = [0.0] * len(weights)
            clock.lap("update")
        board.barrier.wait()
        clock.lap("wait")
    return clock.end(n_rounds)
