"""What experiments leave: rows as CSV, with machine and date, and plots as SVG and PNG."""

import csv
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np

from burly import kernels
from emulation import Check

FOLDER = Path(__file__).with_name("results")
COLOURS = {
    "launch": "#70757b",
    "load": "#74c0ae",
    "compute": "#1d428c",
    "locks": "#f4a582",
    "contribute": "#d65d15",
    "wait": "#d8d4cb",
    "update": "#b45fd0",
    "receive": "#f1b52b",
    "finish": "#1c242b",
}
"""Those of the report's page; locks are of the paper's protocol alone."""
PALE, STRONG = "#b4b9bf", "#1d428c"


def machine() -> str:
    """Return what this ran on: cores, processor, kernels, Python, NumPy."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor()
    return (
        f"{os.cpu_count()} x {processor} ({kernels.name()}), {platform.system()}, "
        f"Python {platform.python_version()}, NumPy {np.__version__}"
    )


def write(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows to results/NAME.csv, each with the machine and the date."""
    FOLDER.mkdir(exist_ok=True)
    common = {"machine": machine(), "date": datetime.now(UTC).date().isoformat()}
    fields = list(dict.fromkeys(field for row in rows for field in row))
    with (FOLDER / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*fields, *common], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            shown = {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()}
            writer.writerow({**shown, **common})


def read(name: str) -> list[dict[str, Any]]:
    """Return the rows of results/NAME.csv, numbers as numbers."""
    with (FOLDER / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return [{k: _number(v) for k, v in row.items()} for row in csv.DictReader(file)]


def summarised(rows: Sequence[Mapping[str, Any]], by: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row per case, with the median of each number over its repeats.

    Parameters
    ----------
    rows : sequence of mapping
    by : sequence of str
        The columns that tell cases apart. Of the others, those of numbers stay; ``least_NAME`` and
        ``most_NAME`` are added.
    """
    cases: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        cases.setdefault(tuple(row[name] for name in by), []).append(row)
    return [
        {**dict(zip(by, case, strict=True)), **_middle(repeats, by)}
        for case, repeats in cases.items()
    ]


def _middle(repeats: list[Mapping[str, Any]], by: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"repeats": len(repeats)}
    for name in repeats[0]:
        values = [row[name] for row in repeats]
        if name not in (*by, "repeat") and all(isinstance(each, int | float) for each in values):
            found[name] = statistics.median(values)
            found[f"least_{name}"], found[f"most_{name}"] = min(values), max(values)
    return found


def write_checks(name: str, checks: Sequence[Check]) -> None:
    """Write what an experiment asked of the emulation and got to results/NAME_checks.csv."""
    write(f"{name}_checks", [asdict(check) for check in checks])


def draw(name: str, chart: alt.TopLevelMixin) -> None:
    """Write a chart to results/NAME.svg."""
    FOLDER.mkdir(exist_ok=True)
    styled = (
        chart.configure(background="white", font="sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            grid=True, gridColor="#e6e6e6", domainColor="#888", titleFontWeight="normal"
        )
        .configure_title(
            anchor="start", frame="group", fontSize=14, subtitleColor="#555", offset=12
        )
    )
    styled.save(FOLDER / f"{name}.svg")
    print(f"drew results/{name}.svg")


def _number(text: str) -> Any:
    try:
        return float(text) if "." in text or "e" in text else int(text)
    except ValueError:
        return text
