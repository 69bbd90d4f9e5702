"""What runs in one emulated function: a worker whose threads each have a vCPU.

Started by `functions.EmulatedFunctions`, which writes the order to standard input.
"""

import pickle
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from burly.kernels import ThreadTeam
from burly.launchers.function import work
from emulation import enter_all


def make_team(groups: Sequence[Path], n_threads: int) -> ThreadTeam:
    """Return a team whose threads enter a vCPU each; the thread that calls only waits, outside."""
    hook = partial(enter_all, groups[:n_threads])
    return ThreadTeam(n_threads, dedicated=True, on_start=hook)


def main() -> None:
    """Be the rank that standard input says; end with an error if that ended so."""
    order, rank, shards, groups = pickle.load(sys.stdin.buffer)  # noqa: S301  our own parent's
    sys.exit(work(order, rank, shards, make_team=partial(make_team, groups)) or None)


if __name__ == "__main__":
    main()
