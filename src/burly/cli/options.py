"""Options that several commands have."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

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
Vcpus = Annotated[float | None, typer.Option(help="vCPUs per function.", rich_help_panel=_WHERE)]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Threads per worker; default: all its cores.", rich_help_panel=_WHERE),
]
MemoryMb = Annotated[
    int | None,
    typer.Option(min=1, metavar="MB", help="Memory per function at least.", rich_help_panel=_WHERE),
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
Label = Annotated[
    str | None,
    typer.Option(help="A column to leave out.", rich_help_panel=_WHAT),
]
Classes = Annotated[
    str | None,
    typer.Option(
        help="The column of the labels; svmlight lines start with theirs.", rich_help_panel=_WHAT
    ),
]
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


@dataclass(frozen=True, kw_only=True)
class Where:
    """Options that say where a command runs."""

    workers: Workers = None
    vcpus: Vcpus = None
    threads: Threads = None
    memory_mb: MemoryMb = None
    backend: Backend = None
    state: State = None
    start_timeout: StartTimeout = 120.0

    def launcher(self) -> Launcher | None:
        """Return the launcher that is asked for; None: in process."""
        from burly.exceptions import ConfigurationError  # noqa: PLC0415
        from burly.launchers.lithops import Lithops  # noqa: PLC0415

        if self.workers is None and self.backend is None:
            if self.vcpus is not None or self.memory_mb is not None or self.state is not None:
                raise ConfigurationError(
                    "--vcpus, --memory-mb and --state are for functions: add --workers or --backend"
                )
            return None
        return Lithops(
            n_workers=self.workers or 2,
            vcpus=self.vcpus,
            memory_mb=self.memory_mb,
            backend=self.backend,
            state=self.state,
            start_timeout=self.start_timeout,
        )


@dataclass(frozen=True, kw_only=True)
class What:
    """Options that say what is in the data; columns may be names or numbers from 0."""

    columns: Columns = None
    label: Label = None
    weight: Weight = None
    file_format: FileFormat = None
    header: Header = None
    delimiter: Delimiter = ","
    dtype: Dtype = None

    def dataset(self, data: list[str]) -> Dataset:
        """Return the dataset that is described."""
        from burly.data.dataset import Dataset  # noqa: PLC0415

        columns = self.columns
        return Dataset(
            data[0] if len(data) == 1 else data,
            format=None if self.file_format is None else self.file_format.value,
            columns=None if columns is None else [_column(name) for name in columns.split(",")],
            label=None if self.label is None else _column(self.label),
            weight=None if self.weight is None else _column(self.weight),
            header=self.header,
            delimiter="\t" if self.delimiter == r"\t" else self.delimiter,
            dtype=self.dtype,
            **self._of_sparse(),
        )

    def _of_sparse(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True, kw_only=True)
class SparseWhat(What):
    """And those of formats with sparse rows."""

    n_features: NFeatures = None
    zero_based: ZeroBased = None

    def _of_sparse(self) -> dict[str, Any]:
        return {"n_features": self.n_features, "zero_based": self.zero_based}


@dataclass(frozen=True, kw_only=True)
class Labelled(SparseWhat):
    """And where the labels are needed."""

    label: Classes = None


def bundled(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take dataclasses of options: typer sees the fields, each as an option."""
    parameters: list[inspect.Parameter] = []
    bundles: dict[str, Any] = {}
    for name, kind in _kinds(command).items():
        if is_dataclass(kind):
            bundles[name] = kind
            hints = _kinds(kind)
            parameters += [
                inspect.Parameter(
                    field.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=field.default,
                    annotation=hints[field.name],
                )
                for field in fields(kind)
            ]
        else:
            declared = inspect.signature(command).parameters[name]
            parameters.append(declared.replace(annotation=kind))

    @wraps(command)
    def with_all_options(**given: Any) -> None:
        for name, kind in bundles.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given)

    with_all_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_all_options.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_all_options


def _kinds(declared: Any) -> dict[str, Any]:
    """Return the types of parameters or fields, with what typer is told about them."""
    hints = get_type_hints(declared, include_extras=True)
    hints.pop("return", None)
    return hints


def _column(name: str) -> Any:
    name = name.strip()
    return int(name) if name.isdecimal() else name
