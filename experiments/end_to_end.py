"""Experiment 5: from files to a model of the same quality, beside ancestor and peers.

Question: how long does a user wait, from starting the program to having the model?

Set-up: one Parquet file of 200 k x 20 float32, all on 2 cores, no emulated vCPUs: burly in process and
on two Lithops functions (localhost, with its own Valkey server); scikit-learn, scikit-learn-intelex
and faiss in process; dask-ml on a LocalCluster of two processes; Spark MLlib with local[2]; the
paper's protocol on two Lithops functions. Each peer in an environment and a process of its own. The
paper's protocol reads arrays and not text, which is in its favour.

Method: seconds from the start of the process to its end, imports included, and of them reading and
training. All in turn, three times, every other time in reverse; what takes over 5 s twice; medians
count. k-means: k 10, at most 20 iterations, each library's own start.
Logistic regression with each library's defaults for how to get there. Quality: inertia, and mean loss,
over all rows, relative to the best of all; "the same" is within 1 %.

Prediction: on data this small nobody waits for arithmetic but the paper's protocol, whose Python loop
takes 2 s per iteration. What counts is starting: imports, servers, clusters and the JVM.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emulation import in_front
from launching import run_ancestor
from network import valkey
from results import PALE, STRONG, draw, summarised, write

SHAPE, N_CLUSTERS, N_ITERATIONS, N_WORKERS = (200_000, 20), 10, 20, 2
GD_STEPS, GD_RATE = 400, 1.6e-5
REPEATS, LONG_S, SAME = 3, 5.0, 0.01
CASE = ("algorithm", "library")
ENVIRONMENTS = Path(sys.prefix) / "peers"
HOMES = {
    "burly": None,
    "burly on 2 functions": None,
    "scikit-learn": "in_process",
    "scikit-learn-intelex": "in_process",
    "faiss": "in_process",
    "dask-ml": "dask",
    "Spark MLlib": "spark",
}
PAPER = "paper's protocol"
NAMES = {"kmeans": "k-means", "logistic": "logistic regression"}


def main() -> None:
    """Run the experiment, write its results and draw them."""
    with tempfile.TemporaryDirectory() as name, in_front(), valkey() as port:
        folder = Path(name)
        X, y = make_data(folder)
        rows = []
        for algorithm in NAMES:
            runs = in_turn(algorithm, folder, port)
            rows += judge(algorithm, runs, X, y)
    write("end_to_end", rows)
    draw("end_to_end", chart(rows))


def make_data(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Write the same rows as Parquet and, for the paper's protocol, as arrays."""
    random = np.random.default_rng(0)
    X = random.random(SHAPE, dtype=np.float32)
    margins = (X - 0.5) @ random.normal(scale=3.0, size=SHAPE[1])
    y = (random.random(len(X)) < 1 / (1 + np.exp(-margins))).astype(np.int64)
    columns = {f"x{i}": X[:, i] for i in range(SHAPE[1])}
    pq.write_table(pa.table({**columns, "y": y}), folder / "rows.parquet", row_group_size=25_000)
    np.save(folder / "X.npy", X.astype(np.float64))
    np.save(folder / "y.npy", y.astype(np.float64))
    np.save(folder / "centres.npy", X[:N_CLUSTERS].astype(np.float64))
    return X.astype(np.float64), y


def in_turn(algorithm: str, folder: Path, port: int) -> list[dict[str, Any]]:
    """Run all libraries several times, one after the other; leave out what this machine lacks."""
    libraries = [*(each for each in HOMES if (each, algorithm) != ("faiss", "logistic")), PAPER]
    runs: list[dict[str, Any]] = []
    for repeat in range(REPEATS):
        for library in reversed(libraries) if repeat % 2 else list(libraries):
            if library == PAPER:
                run = run_paper(algorithm, folder, port)
            else:
                run = run_library(library, algorithm, folder)
            if run is None or (run["seconds"] > LONG_S and repeat == REPEATS - 2):
                libraries.remove(library)
            if run is not None:
                print(f"{library}, {algorithm}: {run['seconds']:.2f} s")
                runs.append({"library": library, "repeat": repeat, **run})
    return runs


def run_library(library: str, algorithm: str, folder: Path) -> dict[str, Any] | None:
    """Return seconds and the model; None: this machine does not have the library."""
    home = HOMES[library]
    python = Path(sys.executable) if home is None else ENVIRONMENTS / home / "bin" / "python"
    script = Path(__file__).with_name("peers.py")
    out = folder / "found.npy"
    command = [python, script, library, algorithm, folder / "rows.parquet", out]
    begun = time.time()
    try:
        finished = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=120, env=clean()
        )
    except (OSError, subprocess.SubprocessError) as error:
        words = str(getattr(error, "stderr", None) or error).strip().splitlines()
        print(f"{library}, {algorithm}: left out: {words[-1]}")
        return None
    laps = json.loads(finished.stdout.splitlines()[-1])
    return {
        "seconds": time.time() - begun,
        "import_s": laps["import"] - begun,
        "after_import_s": laps["train"] - laps["import"],
        "found": np.load(out),
    }


def clean() -> dict[str, str]:
    """Return the environment without settings for other machines' arithmetic, which slow peers."""
    unwanted = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def run_paper(algorithm: str, folder: Path, port: int) -> dict[str, Any]:
    """Train by the paper's protocol."""
    begun = time.time()
    loop = run_ancestor(
        algorithm,
        folder,
        port=port,
        n_workers=N_WORKERS,
        n_inner=1,
        n_rounds=N_ITERATIONS if algorithm == "kmeans" else GD_STEPS,
        learning_rate=GD_RATE,
    )
    return {"seconds": time.time() - begun, "after_import_s": loop.seconds, "found": loop.found}


def judge(
    algorithm: str, runs: list[dict[str, Any]], X: np.ndarray, y: np.ndarray
) -> list[dict[str, Any]]:
    """Return rows of results, with each model's quality."""
    score = {"kmeans": inertia, "logistic": mean_loss}[algorithm]
    scores = [score(run["found"], X, y) for run in runs]
    best = min(scores)
    return [
        {
            "algorithm": algorithm,
            **{name: value for name, value in run.items() if name != "found"},
            "excess": each / best - 1,
        }
        for run, each in zip(runs, scores, strict=True)
    ]


def inertia(centres: np.ndarray, X: np.ndarray, _: np.ndarray) -> float:
    """Return the sum of squared distances to the nearest centre."""
    squared = np.square(X).sum(1)[:, None] - 2 * X @ centres.T + np.square(centres).sum(1)
    return float(squared.min(1).sum())


def mean_loss(coefficients: np.ndarray, X: np.ndarray, y: np.ndarray) -> float:
    """Return the mean logistic loss; the first coefficient is the intercept."""
    margins = (X @ coefficients[1:] + coefficients[0]) * (2 * y - 1)
    return float(np.logaddexp(0, -margins).mean())


def chart(rows: list[dict]) -> alt.TopLevelMixin:
    """Draw seconds by library."""
    panels = [panel(rows, algorithm) for algorithm in NAMES]
    title = alt.TitleParams(
        "From a Parquet file to a model",
        subtitle=[
            "Whole process, 200 k x 20, 2 cores; medians, and from least to most; pale: quality over 1 %",
            "from the best. The paper's protocol starts from arrays.",
        ],
    )
    return alt.hconcat(*panels, bounds="flush", spacing=150).properties(title=title)


def panel(rows: list[dict], algorithm: str) -> alt.LayerChart:
    """Draw one algorithm."""
    cases = summarised([row for row in rows if row["algorithm"] == algorithm], CASE)
    values = [
        {**case, "text": f"{case['seconds']:.1f} s", "same": case["most_excess"] <= SAME}
        for case in sorted(cases, key=lambda case: case["seconds"])
    ]
    base = alt.Chart(alt.Data(values=values)).encode(y=alt.Y("library:N", sort=None, title=None))
    colour = alt.condition(
        "indexof(datum.library, 'burly') == 0", alt.value(STRONG), alt.value(PALE)
    )
    opacity = alt.condition("datum.same", alt.value(1.0), alt.value(0.4))
    bars = base.mark_bar().encode(
        x=alt.X("seconds:Q", title="seconds"), color=colour, opacity=opacity
    )
    spread = base.mark_rule().encode(
        x=alt.X("least_seconds:Q", title="seconds"), x2="most_seconds:Q"
    )
    texts = base.mark_text(align="left", dx=4).encode(
        x=alt.X("most_seconds:Q", title="seconds"), text="text:N"
    )
    layers = alt.layer(bars, spread, texts)
    return layers.properties(width=300, height=220, title=NAMES[algorithm])


if __name__ == "__main__":
    main()
