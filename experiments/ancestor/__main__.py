"""Run the ancestor on rows from a file and print one line of JSON.

Start it through ``benchmarks/ancestor.py``, which also runs burly on the same data. Lithops keeps
its files in a folder of the user: give each run a TMPDIR of its own.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np


def main() -> None:
    """Train on Lithops' localhost and print when the loop began and ended, and the inertia."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="rows, as .npy")
    parser.add_argument("--centres", type=Path, required=True, help="the first centres, as .npy")
    parser.add_argument("--port", type=int, required=True, help="of the Redis server")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--inner", type=int, default=1, help="processes in a worker")
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()

    # Lithops and its functions read their settings here, and the functions find this package.
    settings = {
        "lithops": {
            "backend": "localhost",
            "storage": "localhost",
            "include_modules": "none",
            "data_cleaner": False,  # whoever made TMPDIR removes it
        },
        "localhost": {
            "runtime": sys.executable,
            "worker_processes": arguments.workers,
            "version": 1,
        },
        "redis": {"host": "127.0.0.1", "port": arguments.port},
    }
    os.environ["LITHOPS_CONFIG"] = json.dumps(settings)
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    import lithops  # noqa: PLC0415 (after its settings)

    from ancestor import kmeans  # noqa: PLC0415

    X, centres = np.load(arguments.data), np.load(arguments.centres)
    board = kmeans.make_board(centres, arguments.workers)
    executor = lithops.FunctionExecutor(config=settings, log_level="ERROR")
    executor.map(
        kmeans.train,
        [
            {
                "rank": rank,
                "rows": rows,
                "board": board,
                "n_inner": arguments.inner,
                "n_rounds": arguments.rounds,
            }
            for rank, rows in enumerate(np.array_split(X, arguments.workers))
        ],
        include_modules=None,
    )
    outcomes = executor.get_result(show_progressbar=False)
    labels = np.concatenate([outcome.labels for outcome in outcomes])
    found = np.array(board.centres[:])
    print(
        json.dumps(
            {
                "began_at": max(outcome.began_at for outcome in outcomes),
                "ended_at": max(outcome.ended_at for outcome in outcomes),
                "n_rounds": arguments.rounds,
                "counts": np.bincount(labels, minlength=len(found)).tolist(),
                "centres": found.tolist(),
            }
        )
    )


if __name__ == "__main__":
    main()
