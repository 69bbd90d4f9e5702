"""Options that several commands have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from burly.data.dataset import Dataset
    from burly.launchers.base import Launcher

_WHERE = "Where it runs"
_WHAT = "What is in the data"


class Format(StrEnum):
    """Of files."""

    csv = "csv"
    parquet = "parquet"
    npy = "npy"
    svmlight = "svmlight"


Data = Annotated[
    list[str],
    typer.Argument(metavar="DATA...", help="Files, globs, a folder, or s3://, gs://, az:// URIs."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, help="Functions; without this and --backend, in process.", rich_help_panel=_WHERE
    ),
]
Vcpus = Annotated[float | None, typer.Option(help="vCPUs a function.", rich_help_panel=_WHERE)]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Threads a worker; default: all its cores.", rich_help_panel=_WHERE),
]
MemoryMb = Annotated[
    int | None,
    typer.Option(min=1, metavar="MB", help="Memory a function at least.", rich_help_panel=_WHERE),
]
Backend = Annotated[
    str | None,
    typer.Option(help="Lithops backend: localhost, aws_lambda, ...", rich_help_panel=_WHERE),
]
State = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="State store: rediss://..., valkey://..., unix://... Default on localhost: our own.",
        rich_help_panel=_WHERE,
    ),
]
StartTimeout = Annotated[
    float,
    typer.Option(metavar="SECONDS", help="For all functions to start.", rich_help_panel=_WHERE),
]
Columns = Annotated[
    str | None,
    typer.Option(help="Features, by comma; default: all other columns.", rich_help_panel=_WHAT),
]
Label = Annotated[str | None, typer.Option(help="A column to leave out.", rich_help_panel=_WHAT)]
Weight = Annotated[
    str | None, typer.Option(help="The column of row weights.", rich_help_panel=_WHAT)
]
FileFormat = Annotated[
    Format | None, typer.Option("--format", help="Default: by name.", rich_help_panel=_WHAT)
]
Header = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Of CSV; default: look.", rich_help_panel=_WHAT),
]
Delimiter = Annotated[str, typer.Option(help="Of CSV fields; \\\\t: tab.", rich_help_panel=_WHAT)]
Dtype = Annotated[
    str | None, typer.Option(help="float32 or float64; default: by format.", rich_help_panel=_WHAT)
]
NFeatures = Annotated[
    int | None,
    typer.Option(min=1, help="Columns of svmlight; default: look.", rich_help_panel=_WHAT),
]
ZeroBased = Annotated[
    bool | None,
    typer.Option(
        "--zero-based/--no-zero-based",
        help="Whether columns of svmlight count from 0; default: look.",
        rich_help_panel=_WHAT,
    ),
]
RunFile = Annotated[
    Path | None,
    typer.Option("--run", metavar="RUN", help="Keep what happened (.json): burly report RUN."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no table.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def launcher_from(
    *,
    workers: int | None,
    vcpus: float | None,
    memory_mb: int | None,
    backend: str | None,
    state: str | None,
    start_timeout: float,
) -> Launcher | None:
    """Return the launcher that options ask for; None: in process."""
    from burly.exceptions import ConfigurationError  # noqa: PLC0415
    from burly.launchers.lithops import Lithops  # noqa: PLC0415

    if workers is None and backend is None:
        if vcpus is not None or memory_mb is not None or state is not None:
            raise ConfigurationError(
                "--vcpus, --memory-mb and --state are for functions: add --workers or --backend"
            )
        return None
    return Lithops(
        n_workers=workers or 2,
        vcpus=vcpus,
        memory_mb=memory_mb,
        backend=backend,
        state=state,
        start_timeout=start_timeout,
    )


def dataset_from(
    data: list[str],
    *,
    columns: str | None,
    label: str | None,
    weight: str | None,
    file_format: Format | None,
    header: bool | None,
    delimiter: str,
    dtype: str | None,
    n_features: int | None = None,
    zero_based: bool | None = None,
) -> Dataset:
    """Return the dataset that options describe; columns may be names or numbers from 0."""
    from burly.data.dataset import Dataset  # noqa: PLC0415

    return Dataset(
        data[0] if len(data) == 1 else data,
        format=None if file_format is None else file_format.value,
        columns=None if columns is None else [_column(name) for name in columns.split(",")],
        label=None if label is None else _column(label),
        weight=None if weight is None else _column(weight),
        header=header,
        delimiter="\t" if delimiter == r"\t" else delimiter,
        dtype=dtype,
        n_features=n_features,
        zero_based=zero_based,
    )


def _column(name: str) -> Any:
    name = name.strip()
    return int(name) if name.isdecimal() else name
