"""Training and applying models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from burly.cli.lines import say
from burly.cli.targets import check_targets
from burly.data.dataset import Dataset
from burly.estimators.kmeans import KMeans
from burly.estimators.logistic_regression import LogisticRegression
from burly.exceptions import ModelFileError
from burly.launchers.base import Launcher
from burly.model_files import read_model
from burly.plurals import count
from burly.report.recording import recording
from burly.report.units import seconds_text

MODELS: dict[str, type[KMeans | LogisticRegression]] = {
    "KMeans": KMeans,
    "LogisticRegression": LogisticRegression,
}


def fit_kmeans(data: Dataset, out: Path | None, run_file: Path | None, **parameters: Any) -> None:
    """Find centres, show where the time went, and write the model."""
    model = KMeans(**parameters)
    _fit(model, data, out, run_file)
    _say_and_save(
        model,
        f"{model.n_clusters} clusters after {count(model.n_iter_, 'iteration')}{_limit(model)}, "
        f"inertia {model.inertia_:.6g}, start {model.run_.init}, seed {model.run_.seed}",
        out,
    )


def fit_logistic(data: Dataset, out: Path | None, run_file: Path | None, **parameters: Any) -> None:
    """Find coefficients, show where the time went, and write the model."""
    model = LogisticRegression(**parameters)
    _fit(model, data, out, run_file)
    _say_and_save(model, summary_of_classes(model), out)


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
    kind = read_model(path).kind
    if kind not in MODELS:
        raise ModelFileError(f"{path} holds a {kind}, which this burly does not know: upgrade it")
    model = MODELS[kind].load(path)
    model.set_params(n_threads=n_threads, verbose=verbose, launcher=launcher)
    check_targets([run_file], [path, *_sources(data)])
    with _kept(run_file):
        model.predict(data, out=out)
    what = "labels" if kind == "KMeans" else "labels and probabilities"
    say(f"{what} written to {out}")


def summary_of_classes(model: LogisticRegression) -> str:
    """Return one line about what was fitted."""
    names = ", ".join(str(label) for label in model.classes_[:5])
    more = ", ..." if len(model.classes_) > 5 else ""
    return (
        f"{len(model.classes_)} classes ({names}{more}), {model.coef_.size} coefficients after "
        f"{count(int(model.n_iter_[0]), 'step')} of solver {model.run_.settings['solver_chosen']}"
    )


def _limit(model: KMeans) -> str:
    return " (all that --max-iter allows)" if model.n_iter_ == model.max_iter else ""


def _fit(
    model: KMeans | LogisticRegression, data: Dataset, out: Path | None, run_file: Path | None
) -> None:
    check_targets([out, run_file], _sources(data))
    with _kept(run_file):
        model.fit(data)


def _sources(data: Dataset) -> list[Any]:
    return list(data.source) if isinstance(data.source, list | tuple) else [data.source]


def _say_and_save(model: KMeans | LogisticRegression, summary: str, out: Path | None) -> None:
    if model.verbose:
        Console().print(model.run_.table())
    say(summary)
    if out is None:
        say("the model was not written: --out MODEL keeps it", style="yellow")
    else:
        model.save(out)
        say(f"model written to {out}")


def summary_of(model: KMeans) -> str:
    """Return one line about a fit."""
    return (
        f"{model.n_clusters} clusters after {model.n_iter_} iterations in "
        f"{seconds_text(model.run_.elapsed_s)}"
    )


@contextmanager
def _kept(path: Path | None) -> Iterator[None]:
    """Write a run file about what is done in here, also where it fails."""
    with recording() as runs:
        try:
            yield
        finally:
            if path is not None and runs:
                runs[-1].save(path)
