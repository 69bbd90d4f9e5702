"""What experiments leave: rows as CSV, with machine and date, and plots as SVG and PNG."""

import csv
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np

from burly import kernels

FOLDER = Path(__file__).with_name("results")
PHASES = ["launch", "load", "compute", "contribute", "wait", "update", "receive", "finish"]
COLOURS = ["#bab0ac", "#d7b5a6", "#4c78a8", "#f2cf5b", "#e45756", "#72b7b2", "#f58518", "#9d9d9d"]


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


def draw(name: str, chart: alt.TopLevelMixin) -> None:
    """Write a chart to results/NAME.svg and NAME.png."""
    FOLDER.mkdir(exist_ok=True)
    styled = (
        chart.configure(background="white", font="sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            grid=True, gridColor="#e6e6e6", domainColor="#888", titleFontWeight="normal"
        )
        .configure_title(anchor="start", frame="group", fontSize=14, subtitleColor="#555")
    )
    styled.save(FOLDER / f"{name}.svg")
    styled.save(FOLDER / f"{name}.png", scale_factor=2)
    print(f"drew results/{name}.svg and .png")


def _number(text: str) -> Any:
    try:
        return float(text) if "." in text or "e" in text else int(text)
    except ValueError:
        return text
