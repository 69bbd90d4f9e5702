"""A look at everything a run would need."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

import burly
from burly import kernels, vcpus
from burly.cli.guard import in_shell
from burly.exceptions import BurlyError, ConfigurationError
from burly.launchers.configuration import LOCALHOST
from burly.launchers.lithops import Lithops
from burly.report.units import bytes_text, seconds_text
from burly.state.address import mask
from burly.state.embedded import EmbeddedServer
from burly.state.valkey_connection import inspect_server

Line = tuple[str, str]


def doctor(*, backend: str | None, state: str | None) -> bool:
    """Look at what a run would need; print it, and return whether all is well."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    healthy = True
    examinations: list[tuple[str, Callable[[], Iterator[Line]]]] = [
        ("versions", _versions),
        ("cores", _cores),
        ("kernels", _kernels),
        ("state store", lambda: _state(state)),
        ("Lithops", lambda: _lithops(backend, state)),
    ]
    for name, examine in examinations:
        try:
            for what, found in examine():
                table.add_row("[green]ok[/]", what, Text(found))
        except BurlyError as error:
            healthy = False
            table.add_row("[red]!![/]", name, Text(" ".join(error.told(in_shell).split())))
    Console().print(table)
    return healthy


def _versions() -> Iterator[Line]:
    machine = f"{platform.system()} {platform.machine()}"
    python = f"Python {platform.python_version()}, NumPy {np.__version__}"
    yield "versions", f"burly {burly.__version__}, {python}, {machine}"


def _cores() -> Iterator[Line]:
    said = f"{vcpus.quota():.2f} granted of {os.cpu_count()} visible"
    wanted = os.environ.get("OMP_NUM_THREADS")
    if wanted:
        said += f"; {vcpus.available()} used in process, as OMP_NUM_THREADS={wanted} says"
    yield "cores", said


def _kernels() -> Iterator[Line]:
    chosen = kernels.name()
    forced = " (BURLY_KERNELS)" if os.environ.get("BURLY_KERNELS") else ""
    yield "kernels", f"{chosen}{forced}; this processor can run {', '.join(kernels.runnable())}"


def _state(url: str | None) -> Iterator[Line]:
    if url is None:
        with EmbeddedServer() as server:
            yield from _server(server.url, "our own, started for each run on localhost")
        return
    yield from _server(url, mask(url))


def _server(url: str, named: str) -> Iterator[Line]:
    info = inspect_server(url)
    cluster = ", cluster" if info.is_cluster else ""
    yield "state store", f"{named}: {info.software} {info.version}{cluster}"
    yield "", f"a round trip takes {seconds_text(info.round_trip_s)}"
    policy = info.maxmemory_policy or "which it does not tell"
    limit = bytes_text(info.maxmemory_bytes) if info.maxmemory_bytes else "no limit of memory"
    if info.may_evict:
        raise BurlyError(
            f"maxmemory-policy {policy} with {limit} lets the server drop the states of a run: set "
            "it to noeviction (on ElastiCache, in the parameter group)"
        )
    yield "", f"eviction policy {policy}, {limit}"


def _lithops(backend: str | None, state: str | None) -> Iterator[Line]:
    survey = Lithops(backend=backend, state=state).survey()
    yield "Lithops", f"{survey.version}, backend {survey.backend}, storage {survey.storage}"
    yield "", f"its storage was written and read in {seconds_text(survey.storage_s)}"
    if survey.backend == LOCALHOST:
        return
    image = f"runtime {survey.runtime}"
    if survey.has_burly is None:
        yield "", f"{image}: not deployed yet; its image must contain burly {burly.__version__}"
    elif survey.has_burly:
        yield "", f"{image}: it contains burly"
    else:
        raise ConfigurationError(
            f"{image} lacks burly, and nothing of burly is shipped: build an image that contains it "
            "(docs/aws.md shows one), and name it as the runtime of the backend"
        )
