"""What burly trains in the experiments, on which data, and how long it took."""

from pathlib import Path

import numpy as np

import burly
from burly.events import PartitionLoaded, RoundDone
from burly.launchers.base import Launcher
from burly.report.run import Run

SHAPE, N_CLUSTERS, N_ITERATIONS = (1_000_000, 32), 300, 5
LOGISTIC_SHAPE, N_STEPS = (2_400_000, 64), 5


def make_noise(folder: Path) -> None:
    """Write noise, in which every round of k-means finds work."""
    noise = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    np.save(folder / "noise.npy", noise)


def make_labelled(folder: Path) -> None:
    """Write rows for logistic regression; the first column is a label drawn from such a model."""
    random = np.random.default_rng(0)
    X = random.standard_normal(LOGISTIC_SHAPE, dtype=np.float32)
    margins = X @ random.standard_normal(LOGISTIC_SHAPE[1], dtype=np.float32)
    X[:, 0] = random.random(len(X), dtype=np.float32) < 1 / (1 + np.exp(-margins))
    np.save(folder / "labelled.npy", X)


def train_kmeans(folder: Path, launcher: Launcher) -> Run:
    """Iterate from given centres; return what happened."""
    X = np.load(folder / "noise.npy", mmap_mode="r")
    model = burly.KMeans(
        N_CLUSTERS, init=X[:N_CLUSTERS], max_iter=N_ITERATIONS, tol=0.0, launcher=launcher
    )
    return model.fit(burly.Dataset(folder / "noise.npy")).run_


def train_logistic(folder: Path, launcher: Launcher) -> Run:
    """Descend by full gradients; return what happened."""
    model = burly.LogisticRegression(
        C=np.inf, solver="gd", learning_rate=1e-7, max_iter=N_STEPS, launcher=launcher
    )
    return model.fit(burly.Dataset(folder / "labelled.npy", label=0)).run_


def loop_s(run: Run) -> float:
    """Return the seconds from the last partition loaded to the end of the last round."""
    loaded = max(event.at for event in run.events if isinstance(event, PartitionLoaded))
    return max(event.at for event in run.events if isinstance(event, RoundDone)) - loaded


def compute_ms(run: Run) -> list[float]:
    """Return the milliseconds of compute that each round carries: those of its slowest worker."""
    slowest: dict[int, float] = {}
    for event in run.events:
        if isinstance(event, RoundDone):
            slowest[event.round] = max(slowest.get(event.round, 0.0), event.compute_s * 1e3)
    return list(slowest.values())
