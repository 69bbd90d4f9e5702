"""What runs in one emulated function: a worker whose threads each have a vCPU.

Started by `functions.EmulatedFunctions`, which writes the order to standard input.
"""

import pickle
import sys
from functools import partial

from burly.kernels import ThreadTeam
from burly.launchers.function import work
from emulation import enter_all


def main() -> None:
    """Be the rank that standard input says; end with an error if that ended so."""
    order, rank, shards, groups = pickle.load(sys.stdin.buffer)  # noqa: S301  our own parent's

    def make_team(n_threads: int) -> ThreadTeam:
        hook = partial(enter_all, groups[:n_threads])
        return ThreadTeam(n_threads, dedicated=True, on_start=hook)

    sys.exit(work(order, rank, shards, make_team=make_team) or None)


if __name__ == "__main__":
    main()
