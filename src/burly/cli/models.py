"""Training and applying models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from burly.cli.options import check_target
from burly.data.dataset import Dataset
from burly.estimators.kmeans import KMeans
from burly.launchers.base import Launcher
from burly.report.recording import recording
from burly.report.units import seconds_text


def fit_kmeans(data: Dataset, out: Path | None, run_file: Path | None, **parameters: Any) -> None:
    """Fit, show where the time went, and write the model."""
    check_target(out)
    with _kept(run_file):
        model = KMeans(**parameters).fit(data)
    console = Console()
    console.print(model.run_.table())
    console.print(
        f"{model.n_clusters} clusters after {model.n_iter_} iterations, inertia "
        f"{model.inertia_:.6g}, start {model.run_.init}, seed {model.run_.seed}",
        highlight=False,
    )
    if out is None:
        console.print("the model was not written: --out MODEL keeps it", style="yellow")
    else:
        model.save(out)
        console.print(f"model written to {out}", highlight=False, soft_wrap=True)


def predict(
    path: Path,
    data: Dataset,
    out: str,
    *,
    run_file: Path | None,
    n_threads: int | None,
    verbose: int,
    launcher: Launcher | None,
) -> None:
    """Label stored rows with a model from a file."""
    model = KMeans.load(path)
    model.set_params(n_threads=n_threads, verbose=verbose, launcher=launcher)
    with _kept(run_file):
        model.predict(data, out=out)
    Console().print(f"labels written to {out}", highlight=False, soft_wrap=True)


def summary_of(model: KMeans) -> str:
    """Return one line about a fit."""
    return (
        f"{model.n_clusters} clusters after {model.n_iter_} iterations in "
        f"{seconds_text(model.run_.elapsed_s)}"
    )


@contextmanager
def _kept(path: Path | None) -> Iterator[None]:
    """Write a run file about what is done in here, also where it fails."""
    check_target(path)
    with recording() as runs:
        try:
            yield
        finally:
            if path is not None and runs:
                runs[-1].save(path)
