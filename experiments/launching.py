"""Start the paper's protocol in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Loop:
    """When the training loop of a run began and ended (epoch seconds), its rounds and its result."""

    began_at: float
    ended_at: float
    n_rounds: int
    found: NDArray[np.float64]

    @property
    def seconds(self) -> float:
        return self.ended_at - self.began_at


def run_ancestor(
    algorithm: str,
    folder: Path,
    *,
    port: int,
    n_workers: int,
    n_inner: int,
    n_rounds: int,
    learning_rate: float = 0.0,
    groups: Sequence[Path] = (),
) -> Loop:
    """Train "kmeans" or "logistic" as the paper did.

    Parameters
    ----------
    folder : Path
        Holds X.npy, and centres.npy or y.npy.
    port : int
        Of the Redis server, or of a relay before it.
    n_inner : int
        Processes in a worker; 0: it computes itself.
    groups : sequence of Path
        The control groups of all vCPUs, worker by worker.
    """
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as private:
        finished = subprocess.run(
            [
                *(sys.executable, "-m", "ancestor", algorithm, "--port", str(port)),
                *("--data", folder / "X.npy", "--centres", folder / "centres.npy"),
                *("--labels", folder / "y.npy", "--learning-rate", str(learning_rate)),
                *("--workers", str(n_workers), "--inner", str(n_inner)),
                *("--rounds", str(n_rounds), "--groups", ",".join(map(str, groups))),
            ],
            cwd=Path(__file__).parent,
            env={**os.environ, "TMPDIR": private, "OPENBLAS_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    outcome = json.loads(finished.stdout.splitlines()[-1])
    return Loop(**{**outcome, "found": np.array(outcome["found"])})
