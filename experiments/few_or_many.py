"""Experiment 2: few functions with many vCPUs, or many with one?

Question: the same vCPUs, cut into many thin functions or a few burly ones: which is faster, and how
does it depend on the network?

Set-up: 8 emulated vCPUs as 8x1, 4x2, 2x4 and 1x8 functions, and 16 as 16x1 to 2x8; a state store
0.3, 0.66, 1.66 and 25 ms away. burly's k-means, all threads; and the paper's protocol (8 vCPUs) with
one inner worker a vCPU, or none in functions of one, on data that Python can take through a round.

Method: milliseconds an iteration, from the moment that all rows are loaded to the end of the last
round; burly runs 5 iterations and its rounds before and after, the fastest of two runs counts; the
paper's protocol runs 2 iterations, once. The two have different data: compare shapes, not heights.

Prediction: burly's round costs two round trips whatever the layout, so its time is that of the
compute plus two round trips a round, and layouts differ little. In the paper's protocol a worker
makes 20 round trips at each of two barriers and 8 for each cluster under its lock, so its time grows
with the network and with the number of workers: few functions win.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import altair as alt
import numpy as np

from burly.report.run import Run
from emulation import Vcpus, check, vcpus
from functions import EmulatedFunctions
from launching import run_ancestor
from network import relayed, valkey
from results import draw, write
from training import N_ITERATIONS, loop_s, make_noise, train_kmeans

RTTS_MS = (0.3, 0.66, 1.66, 25.0)
LAYOUTS = {8: [(8, 1), (4, 2), (2, 4), (1, 8)], 16: [(16, 1), (8, 2), (4, 4), (2, 8)]}
REPEATS = 2
ANCESTOR_SHAPE, ANCESTOR_CLUSTERS, ANCESTOR_ROUNDS = (16_000, 20), 10, 2
TRIPS = 2
"""Round trips on the critical path of burly's round; a worker alone does not wait for its own state."""
SCALES = {"burly": alt.Scale(domain=[0, 275]), "paper": alt.Scale(type="log", domain=[100, 10_000])}


def main() -> None:
    """Run the experiment, write its results and draw them."""
    with tempfile.TemporaryDirectory() as name, valkey() as port:
        folder = Path(name)
        make_noise(folder)
        X = np.random.default_rng(0).random(ANCESTOR_SHAPE)
        np.save(folder / "X.npy", X)
        np.save(folder / "centres.npy", X[:ANCESTOR_CLUSTERS])
        rows = [row for n_vcpus in LAYOUTS for row in on_vcpus(n_vcpus, folder, port)]
    write("few_or_many", rows)
    draw("few_or_many", chart(rows))


def on_vcpus(n_vcpus: int, folder: Path, server: int) -> Iterator[dict]:
    """Run all layouts of so many vCPUs at all distances."""
    with vcpus(n_vcpus) as made:
        print(check(made))
        for rtt_ms in RTTS_MS:
            with relayed(server, rtt_ms) as port:
                for layout in LAYOUTS[n_vcpus]:
                    yield run_burly(made, layout, rtt_ms, folder, port)
                for layout in LAYOUTS[n_vcpus] if n_vcpus == min(LAYOUTS) else ():
                    yield run_paper(made, layout, rtt_ms, folder, port)


def run_burly(made: Vcpus, layout: tuple[int, int], rtt_ms: float, folder: Path, port: int) -> dict:
    """Train with burly; return seconds, and the mean worker's breakdown of them."""
    n_workers, size = layout
    launcher = EmulatedFunctions(made, n_workers, size, size, f"redis://127.0.0.1:{port}")
    run = min((train_kmeans(folder, launcher) for _ in range(REPEATS)), key=loop_s)
    return {
        **told("burly", made, layout, rtt_ms, seconds=loop_s(run), n_iterations=N_ITERATIONS),
        **breakdown(run, rtt_ms),
    }


def breakdown(run: Run, rtt_ms: float) -> dict[str, float]:
    """Return the mean worker's seconds by phase, rounds, commands a round, and the prediction."""
    shares, total = run.breakdown(), run.total()
    n = len(shares)
    trips = TRIPS if n > 1 else 1
    phases = {
        name: getattr(total, name) / n
        for name in (
            *("launch_s", "load_s", "compute_s", "contribute_s"),
            *("wait_s", "update_s", "receive_s", "finish_s"),
        )
    }
    return {
        **phases,
        "n_rounds": total.n_rounds,
        "commands_a_round": total.commands / n / total.n_rounds,
        "predicted_s": phases["compute_s"] + total.n_rounds * trips * rtt_ms / 1e3,
    }


def run_paper(made: Vcpus, layout: tuple[int, int], rtt_ms: float, folder: Path, port: int) -> dict:
    """Train by the paper's protocol."""
    n_workers, size = layout
    loop = run_ancestor(
        "kmeans",
        folder,
        port=port,
        n_workers=n_workers,
        n_inner=size if size > 1 else 0,
        n_rounds=ANCESTOR_ROUNDS,
        groups=[made.group(vcpu) for vcpu in range(made.n)],
    )
    return told("paper", made, layout, rtt_ms, seconds=loop.seconds, n_iterations=ANCESTOR_ROUNDS)


def told(
    protocol: str,
    made: Vcpus,
    layout: tuple[int, int],
    rtt_ms: float,
    *,
    seconds: float,
    n_iterations: int,
) -> dict:
    """Return a row of results, and print it."""
    n_workers, size = layout
    ms = seconds / n_iterations * 1e3
    print(f"{protocol}, {n_workers} x {size} vCPUs, {rtt_ms:g} ms away: {ms:.1f} ms an iteration")
    return {
        "protocol": protocol,
        "n_vcpus": made.n,
        "n_workers": n_workers,
        "vcpus": size,
        "rtt_ms": rtt_ms,
        "seconds": seconds,
        "ms_an_iteration": ms,
    }


def chart(rows: list[dict]) -> alt.TopLevelMixin:
    """Draw milliseconds an iteration by layout, one line a distance."""
    cases = [("burly", 8), ("burly", 16), ("paper", 8)]
    panels = [panel(rows, protocol, n_vcpus) for protocol, n_vcpus in cases]
    title = alt.TitleParams(
        "Few burly functions against many thin ones",
        subtitle=[
            "The same vCPUs in each panel; colours: round trip to the state store.",
            "The paper's protocol has 60 times fewer rows, 10 clusters instead of 300, a log axis.",
        ],
    )
    return alt.hconcat(*panels, bounds="flush", spacing=70).properties(title=title)


def panel(rows: list[dict], protocol: str, n_vcpus: int) -> alt.Chart:
    """Draw one protocol on one number of vCPUs."""
    name = {"burly": "burly", "paper": "the paper's protocol"}[protocol]
    values = [
        {
            "layout": f"{row['n_workers']} x {row['vcpus']}",
            "rtt": f"{row['rtt_ms']:g} ms",
            "ms": row["ms_an_iteration"],
        }
        for row in rows
        if row["protocol"] == protocol and row["n_vcpus"] == n_vcpus
    ]
    return (
        alt.Chart(alt.Data(values=values))
        .mark_line(point=True)
        .encode(
            x=alt.X("layout:N", sort=None, title="functions x vCPUs", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("ms:Q", title="ms an iteration", scale=SCALES[protocol]),
            color=alt.Color("rtt:N", title="round trip", sort=[f"{rtt:g} ms" for rtt in RTTS_MS]),
        )
        .properties(width=210, height=260, title=f"{name}, {n_vcpus} vCPUs")
    )


if __name__ == "__main__":
    main()
