"""`burly fit`: one command per model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from burly.cli import options as o
from burly.cli.guard import guard

fit = typer.Typer(help="Train a model.", no_args_is_help=True, rich_markup_mode="markdown")


@fit.command("kmeans")
@o.bundled
def fit_kmeans(
    *,
    data: o.Data,
    k: Annotated[int, typer.Option("--k", min=1, help="Clusters.")] = 8,
    out: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="Where the model is written (.npz).")
    ] = None,
    init: Annotated[
        str, typer.Option(help="k-means++, k-means||, random, or auto: by the data.")
    ] = "auto",
    n_init: Annotated[int | None, typer.Option(min=1, help="Starts; the best one wins.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="Of all draws; default: a new one.")
    ] = None,
    max_iter: Annotated[int, typer.Option(min=1, help="Iterations at most.")] = 300,
    tol: Annotated[float, typer.Option(min=0.0, help="Movement that counts as none.")] = 1e-4,
    where: o.Where,
    what: o.What,
    run_file: o.RunFile = None,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Find k centres: `burly fit kmeans points.csv --k 8 --out model.npz`."""
    with guard(debug=debug):
        from burly.cli.models import fit_kmeans as run  # noqa: PLC0415  after --help has answered

        run(
            what.dataset(data),
            out,
            run_file,
            n_clusters=k,
            init=init,
            n_init="auto" if n_init is None else n_init,
            random_state=seed,
            max_iter=max_iter,
            tol=tol,
            n_threads=where.threads,
            verbose=int(not quiet),
            launcher=where.launcher(),
        )


@fit.command("logistic")
@o.bundled
def fit_logistic(
    *,
    data: o.Data,
    what: o.Labelled,
    out: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="Where the model is written (.npz).")
    ] = None,
    inverse_penalty: Annotated[
        float, typer.Option("--C", help="Inverse strength of the penalty; inf: none.")
    ] = 1.0,
    l1_ratio: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="0: l2, 1: l1, between: elastic net.")
    ] = 0.0,
    balanced: Annotated[
        bool, typer.Option("--balanced", help="Weigh classes so that all count alike.")
    ] = False,
    intercept: Annotated[
        bool, typer.Option("--intercept/--no-intercept", help="Fit an intercept.")
    ] = True,
    solver: Annotated[
        str, typer.Option(help="auto, newton, lbfgs, gd, or one of scikit-learn's.")
    ] = "auto",
    learning_rate: Annotated[
        float | None, typer.Option(help="Of --solver gd alone; default: 0.001.")
    ] = None,
    max_iter: Annotated[int, typer.Option(min=0, help="Steps at most; of gd: exactly.")] = 100,
    tol: Annotated[float, typer.Option(min=0.0, help="Largest slope that counts as none.")] = 1e-4,
    where: o.Where,
    run_file: o.RunFile = None,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Tell classes apart: `burly fit logistic points.csv --label y --out model.npz`."""
    if learning_rate is not None and solver != "gd":
        raise typer.BadParameter(f"--learning-rate is for --solver gd, not {solver}")
    with guard(debug=debug):
        from burly.cli.models import fit_logistic as run  # noqa: PLC0415

        run(
            what.dataset(data),
            out,
            run_file,
            C=inverse_penalty,
            l1_ratio=l1_ratio,
            class_weight="balanced" if balanced else None,
            fit_intercept=intercept,
            solver=solver,
            **({} if learning_rate is None else {"learning_rate": learning_rate}),
            max_iter=max_iter,
            tol=tol,
            n_threads=where.threads,
            verbose=int(not quiet),
            launcher=where.launcher(),
        )
