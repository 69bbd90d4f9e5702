"""Experiment 1: what do the vCPUs inside a function bring, if all are used?

Question: how much less time does training take when each function uses all its vCPUs, and not one?

Set-up: 8 emulated vCPUs as four functions of 2, two of 4, one of 8; each function once with one
thread, once with one per vCPU. The state store is 0.66 ms away. Rows are noise, so that k-means finds
work in each of its rounds; logistic regression descends by full gradients (solver "gd").

Method: seconds from the moment all rows are loaded to the end of the last round. Three times, one
after the other, all cases run, one thread and all in turn, every other time in reverse; medians count.

Prediction: with V threads the compute shrinks to 1/V, so the improvement is at most 1 - 1/V: 50, 75
and 87.5 %. What rounds cost, and the coarse throttling, take some of it: at least 80 % for k-means
on 8 vCPUs, at least 70 % for passes of logistic regression. The paper saw up to 68 % for k-means.
"""

import statistics
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import altair as alt

from emulation import Vcpus, check, vcpus
from functions import EmulatedFunctions
from network import relayed, valkey
from results import PALE, STRONG, draw, summarised, write, write_checks
from training import (
    compute_ms,
    loop_s,
    make_labelled,
    make_noise,
    train_kmeans,
    train_logistic,
)

N_VCPUS, RTT_MS, REPEATS, SIZES = 8, 0.66, 3, (2, 4, 8)
ALGORITHMS = {"k-means": train_kmeans, "logistic regression": train_logistic}
CASE = ("algorithm", "vcpus", "n_workers", "n_threads")
SECONDS = "seconds in the training loop"


@dataclass(frozen=True)
class Case:
    """An algorithm on functions of one size, of which so many vCPUs are used."""

    algorithm: str
    size: int
    n_threads: int


def main() -> None:
    """Run the experiment, write its results and draw them."""
    cases = [
        Case(algorithm, size, n_threads)
        for algorithm, size in product(ALGORITHMS, SIZES)
        for n_threads in (1, size)
    ]
    with tempfile.TemporaryDirectory() as name, vcpus(N_VCPUS) as made:
        checks = check(made)
        folder = Path(name)
        make_noise(folder)
        make_labelled(folder)
        with valkey() as server, relayed(server, RTT_MS) as distance:
            state = f"redis://127.0.0.1:{distance.port}"
            rows = [
                {**measure(case, folder, made, state), "repeat": repeat}
                for repeat in range(REPEATS)
                for case in (reversed(cases) if repeat % 2 else cases)
            ]
    write_checks("intra_function", [*checks, distance.check])
    write("intra_function", rows)
    draw("intra_function", chart(rows))


def measure(case: Case, folder: Path, made: Vcpus, state: str) -> dict:
    """Train once."""
    n_workers = N_VCPUS // case.size
    launcher = EmulatedFunctions(made, n_workers, case.size, case.n_threads, state)
    run = ALGORITHMS[case.algorithm](folder, launcher)
    seconds, computed_ms = loop_s(run), compute_ms(run)
    print(
        f"{case.algorithm}, {n_workers} x {case.size} vCPUs, {case.n_threads} threads: "
        f"{seconds:.3f} s, rounds of {min(computed_ms):.0f} to {max(computed_ms):.0f} ms of compute"
    )
    return {
        "algorithm": case.algorithm,
        "vcpus": case.size,
        "n_workers": n_workers,
        "n_threads": case.n_threads,
        "seconds": seconds,
        "n_rounds": run.n_rounds,
        "compute_ms_a_round": statistics.median(computed_ms),
        "least_round_compute_ms": min(computed_ms),
        "commands_a_round": run.total().commands / n_workers / run.n_rounds,
    }


def improved(rows: list[dict]) -> list[dict]:
    """Return a row per case with, where all threads compute, by how much less it takes than one."""
    cases = summarised(rows, CASE)
    one = {(c["algorithm"], c["vcpus"]): c["seconds"] for c in cases if c["n_threads"] == 1}
    return [
        {**case, "improvement": 1 - case["seconds"] / one[case["algorithm"], case["vcpus"]]}
        for case in cases
    ]


def chart(rows: list[dict]) -> alt.TopLevelMixin:
    """Draw seconds by size of the functions, one thread beside all."""
    cases = sorted(improved(rows), key=lambda case: (case["vcpus"], case["n_threads"]))
    panels = [
        panel([case for case in cases if case["algorithm"] == algorithm], algorithm)
        for algorithm in ALGORITHMS
    ]
    title = alt.TitleParams(
        "All vCPUs of a function against one of them",
        subtitle="8 emulated vCPUs, state store 0.66 ms away; medians, and from least to most",
    )
    return alt.hconcat(*panels, bounds="flush", spacing=70).properties(title=title)


def panel(rows: list[dict], algorithm: str) -> alt.LayerChart:
    """Draw one algorithm."""
    values = [
        {
            **row,
            "threads": "one" if row["n_threads"] == 1 else "all",
            "label": "" if row["n_threads"] == 1 else f"\u2212{row['improvement']:.0%}",
            "functions": f"{row['n_workers']} x {row['vcpus']}",
        }
        for row in rows
    ]
    base = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X("functions:N", title="functions x vCPUs", sort=None, axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("threads:N", sort=["one", "all"]),
        y=alt.Y("seconds:Q", title=SECONDS),
    )
    colour = alt.Color(
        "threads:N",
        title="threads in a function",
        scale=alt.Scale(domain=["one", "all"], range=[PALE, STRONG]),
    )
    labels = base.mark_text(dy=-7, fontSize=12).encode(
        y=alt.Y("most_seconds:Q", title=SECONDS), text="label:N"
    )
    spread = base.mark_rule().encode(y=alt.Y("least_seconds:Q", title=SECONDS), y2="most_seconds:Q")
    layers = alt.layer(base.mark_bar().encode(color=colour), spread, labels)
    return layers.properties(width=260, height=260, title=algorithm)


if __name__ == "__main__":
    main()
