"""The commands and what they take; what they do is in the modules beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import burly
from burly.cli import options as o
from burly.cli.fit import fit
from burly.cli.guard import guard

EXAMPLES = """
**Examples**

    burly demo

    burly fit kmeans points.csv --k 8 --out model.npz

    burly fit kmeans 's3://bucket/points/*.parquet' --k 100 --columns x,y,z --workers 4 --vcpus 2
    --backend aws_lambda --state rediss://cache.internal:6379 --out model.npz

    burly fit logistic patients.parquet --label ill --out model.npz

    burly predict model.npz new-patients.parquet --out predicted/

    burly fit kmeans points.csv --k 8 --workers 2 --run run.json && burly report run.json

    burly doctor --state redis://localhost:6379
"""

app = typer.Typer(
    name="burly",
    help="Train stateful machine-learning models on a few burly serverless functions.\n\n"
    + EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(fit, name="fit")


def _version(wanted: bool) -> None:  # noqa: FBT001  typer's contract
    if wanted:
        typer.echo(f"burly {burly.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Take the options of burly itself."""


@app.command()
@o.bundled
def predict(
    *,
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="From burly fit ... --out.")],
    data: o.Data,
    out: Annotated[
        str, typer.Option(metavar="PLACE", help="A new folder or URI for labels (Parquet).")
    ],
    where: o.Where,
    what: o.SparseWhat,
    run_file: o.RunFile = None,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Label rows with a model: `burly predict model.npz points.csv --out labels/`.

    It finds its columns by their names, whatever else the data has; --label and --columns are for data
    without names.
    """
    with guard(debug=debug):
        from burly.cli.models import predict as run  # noqa: PLC0415

        run(
            model,
            what.dataset(data),
            out,
            run_file=run_file,
            n_threads=where.threads,
            verbose=int(not quiet),
            launcher=where.launcher(),
        )


@app.command()
def report(
    *,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="From burly fit ... --run.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="PAGE", help="The page; default: beside RUN, ending in .html."),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="TRACE", help="Also the timeline as a trace, for ui.perfetto.dev."),
    ] = None,
    debug: o.Debug = False,
) -> None:
    """Show a run as one page that needs no network: `burly report run.json`."""
    with guard(debug=debug):
        from burly.cli.report import report as write  # noqa: PLC0415

        write(run, out, trace)


@app.command()
def demo(
    *,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the picture goes.")] = Path(
        "demo-output"
    ),
    colours: Annotated[int, typer.Option(min=2, max=256, help="Colours of the picture.")] = 64,
    workers: Annotated[int, typer.Option(min=1, help="Functions.")] = 2,
    picture: Annotated[str, typer.Option(help="china.jpg or flower.jpg, or a file.")] = "china.jpg",
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Draw a photograph in 64 colours and read digits, on two Lithops functions."""
    with guard(debug=debug):
        from burly.cli.demo import demo as run  # noqa: PLC0415

        run(out, picture, n_colours=colours, n_workers=workers, verbose=int(not quiet))


@app.command()
def doctor(
    *,
    backend: o.Backend = None,
    state: o.State = None,
    debug: o.Debug = False,
) -> None:
    """Look at the cores, the kernels, the state store and Lithops, and say what is wrong."""
    with guard(debug=debug):
        from burly.cli.doctor import doctor as run  # noqa: PLC0415

        if not run(backend=backend, state=state):
            raise typer.Exit(1)
