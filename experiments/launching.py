"""Start the paper's protocol in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Loop:
    """A training loop.

    Attributes
    ----------
    began_at, ended_at : float
        When the last worker was ready, and when the last one was done; seconds since 1970.
    n_rounds : int
    found : array
        Centres, or coefficients with the intercept first.
    """

    began_at: float
    ended_at: float
    n_rounds: int
    found: NDArray[np.float64]

    @property
    def seconds(self) -> float:
        return self.ended_at - self.began_at


@dataclass(frozen=True)
class PaperLoop(Loop):
    """A training loop of the paper's protocol.

    Attributes
    ----------
    launch_s : float
        From asking for functions until they ran, in the mean.
    phases : dict of str to float
        The mean worker's seconds in its rounds, by `ancestor.clock.PHASES`.
    commands : float
        What the mean worker sent to the server in a round.
    trips : int
        The round trips in all rounds of the worker that made most.
    """

    launch_s: float
    phases: dict[str, float]
    commands: float
    trips: int


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
) -> PaperLoop:
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
    return told(json.loads(finished.stdout.splitlines()[-1]))


def told(outcome: dict[str, Any]) -> PaperLoop:
    """Return what the workers told, in the mean over them."""
    workers = outcome["workers"]
    n_rounds = workers[0]["n_rounds"]
    return PaperLoop(
        began_at=max(worker["began_at"] for worker in workers),
        ended_at=max(worker["ended_at"] for worker in workers),
        n_rounds=n_rounds,
        found=np.array(outcome["found"]),
        launch_s=mean(worker["started_at"] for worker in workers) - outcome["launched_at"],
        phases={
            phase: mean(worker["phases"][phase] for worker in workers)
            for phase in workers[0]["phases"]
        },
        commands=mean(worker["commands"] for worker in workers) / n_rounds,
        trips=max(worker["trips"] for worker in workers),
    )
