"""Run the ancestor on rows from a file and print one line of JSON.

Start it through `launching.run_ancestor`. Lithops keeps its files in a folder of the user: each run
needs a TMPDIR of its own.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("algorithm", choices=["kmeans", "logistic"])
    parser.add_argument("--data", type=Path, required=True, help="rows, as .npy")
    parser.add_argument("--centres", type=Path, help="for kmeans: the first centres, as .npy")
    parser.add_argument("--labels", type=Path, help="for logistic: 0 and 1, as .npy")
    parser.add_argument("--learning-rate", type=float, default=1e-6, help="for logistic")
    parser.add_argument("--port", type=int, required=True, help="of the Redis server")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--inner", type=int, default=1, help="processes in a worker; 0: none")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--groups", default="", help="control groups, one per vCPU, with commas")
    return parser.parse_args()


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the configuration of Lithops."""
    return {
        "lithops": {
            "backend": "localhost",
            "storage": "localhost",
            "include_modules": "none",
            "data_limit": False,
            "data_cleaner": False,  # whoever made TMPDIR removes it
        },
        "localhost": {
            "runtime": sys.executable,
            "worker_processes": options.workers,
            "version": 1,
        },
        "redis": {"host": "127.0.0.1", "port": options.port},
    }


def main() -> None:
    """Train on Lithops' localhost and print when the loop began and ended, and what was found."""
    options = arguments()
    # Lithops and its functions read their settings here, and the functions find this package.
    os.environ["LITHOPS_CONFIG"] = json.dumps(settings(options))
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    import lithops  # noqa: PLC0415 (after its settings)

    executor = lithops.FunctionExecutor(config=settings(options), log_level="ERROR")
    train = {"kmeans": train_kmeans, "logistic": train_logistic}[options.algorithm]
    launched_at, spent, found = train(executor, options)
    print(
        json.dumps(
            {
                "launched_at": launched_at,
                "workers": [asdict(each) for each in spent],
                "found": found,
            }
        )
    )


def calls(options: argparse.Namespace, board: Any) -> list[dict[str, Any]]:
    """Return what each worker is told, whatever the algorithm."""
    groups = [Path(group) for group in options.groups.split(",") if group]
    size = len(groups) // options.workers
    return [
        {
            "rank": rank,
            "rows": rows,
            "board": board,
            "n_inner": options.inner,
            "n_rounds": options.rounds,
            "groups": groups[rank * size : (rank + 1) * size],
        }
        for rank, rows in enumerate(np.array_split(np.load(options.data), options.workers))
    ]


def train_kmeans(executor: Any, options: argparse.Namespace) -> tuple[float, list[Any], Any]:
    """Return when functions were asked for, what each worker spent, and the centres."""
    from ancestor import kmeans  # noqa: PLC0415 (after Lithops' settings)

    board = kmeans.make_board(np.load(options.centres), options.workers)
    told = calls(options, board)
    launched_at = time.time()
    executor.map(kmeans.train, told, include_modules=None)
    return (
        launched_at,
        executor.get_result(show_progressbar=False),
        np.array(board.centres[:]).tolist(),
    )


def train_logistic(executor: Any, options: argparse.Namespace) -> tuple[float, list[Any], Any]:
    """Return when functions were asked for, what each spent, and the weights, intercept first."""
    from ancestor import logistic  # noqa: PLC0415 (after Lithops' settings)

    labels = np.array_split(np.load(options.labels), options.workers)
    n_features = np.load(options.data, mmap_mode="r").shape[1]
    board = logistic.make_board(n_features, options.workers)
    told = [
        {**call, "labels": share, "learning_rate": options.learning_rate}
        for call, share in zip(calls(options, board), labels, strict=True)
    ]
    launched_at = time.time()
    executor.map(logistic.train, told, include_modules=None)
    return launched_at, executor.get_result(show_progressbar=False), list(board.weights[:])


if __name__ == "__main__":
    main()
