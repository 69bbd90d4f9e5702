"""Experiment 2: few functions with many vCPUs, or many with one?

Question: the same vCPUs, cut into many thin functions or a few burly ones: which is faster, and how
does it depend on the network?

Set-up: 8 emulated vCPUs as 8x1, 4x2, 2x4 and 1x8 functions, and 16 as 16x1 to 2x8; a state store
0.3, 0.66, 1.66 and 25 ms away. burly's k-means, all threads; and the paper's protocol with one inner
worker per vCPU, or none in functions of one, on data that Python can take through a round.

Method: milliseconds per iteration, from the moment that all are ready to the end of the last round;
burly runs 5 iterations and its rounds before and after, the paper's protocol 5 (2 at 25 ms). Three
times, all layouts in turn, each with burly and then with the paper's protocol, every other time in
reverse; the paper's protocol twice on 8 vCPUs 25 ms away, and on 16 once, 0.66 and 25 ms away, since
it takes up to a minute. Medians count. The two have different data: compare shapes, not heights.

Prediction: burly's round costs two round trips at most, whatever the layout. Each round has one, the
contribution of whoever comes last; that worker publishes the next state without waiting for an
answer, so a second one passes only if another worker comes last in the next round (or there is none:
all wait for the last state). Whoever comes last computes, and these trips: that is `predicted_s`, and
layouts differ little. In the paper's protocol one command after the other is a trip: computing and
the trips of worker 0 are the least it takes, the others' locks come on top, and few functions win.
"""

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import altair as alt
import numpy as np

from ancestor.clock import PHASES
from burly.events import RoundDone
from burly.report.breakdown import SHARES
from burly.report.run import Run
from emulation import Check, Vcpus, check, vcpus
from functions import EmulatedFunctions
from launching import run_ancestor
from network import relayed, valkey
from results import draw, summarised, write, write_checks
from training import N_ITERATIONS, compute_ms, loop_s, make_noise, train_kmeans

RTTS_MS = (0.3, 0.66, 1.66, 25.0)
NEAR_MS, FAR_MS = 0.66, 25.0
LAYOUTS = {8: [(8, 1), (4, 2), (2, 4), (1, 8)], 16: [(16, 1), (8, 2), (4, 4), (2, 8)]}
REPEATS = 3
PAPER_SHAPE, PAPER_CLUSTERS = (16_000, 20), 10
CASE = ("protocol", "n_vcpus", "n_workers", "vcpus", "rtt_ms")
NAMES = {"burly": "burly", "paper": "the paper's protocol"}
MS = "ms per iteration"
SCALES = {"burly": alt.Scale(domain=[0, 300]), "paper": alt.Scale(type="log", domain=[100, 20_000])}


def main() -> None:
    """Run the experiment, write its results and draw them."""
    checks: list[Check] = []
    with tempfile.TemporaryDirectory() as name, valkey() as port:
        folder = Path(name)
        make_noise(folder)
        X = np.random.default_rng(0).random(PAPER_SHAPE)
        np.save(folder / "X.npy", X)
        np.save(folder / "centres.npy", X[:PAPER_CLUSTERS])
        rows = [row for n_vcpus in LAYOUTS for row in on_vcpus(n_vcpus, folder, port, checks)]
    write_checks("few_or_many", checks)
    write("few_or_many", rows)
    draw("few_or_many", chart(rows))


def on_vcpus(n_vcpus: int, folder: Path, server: int, checks: list[Check]) -> Iterator[dict]:
    """Run all layouts of so many vCPUs at all distances."""
    with vcpus(n_vcpus) as made:
        checks += check(made)
        for rtt_ms in RTTS_MS:
            with relayed(server, rtt_ms) as distance:
                checks.append(distance.check)
                for row in in_turn(made, rtt_ms, folder, distance.port):
                    print(
                        f"{row['protocol']}, {row['n_workers']} x {row['vcpus']} vCPUs, {rtt_ms:g} "
                        f"ms away: {row['ms_an_iteration']:.1f} ms per iteration"
                    )
                    yield row


def in_turn(made: Vcpus, rtt_ms: float, folder: Path, port: int) -> Iterator[dict]:
    """Run all layouts several times, each by both protocols."""
    layouts = LAYOUTS[made.n]
    for repeat in range(REPEATS):
        for layout in reversed(layouts) if repeat % 2 else layouts:
            case = {"n_vcpus": made.n, "n_workers": layout[0], "vcpus": layout[1], "rtt_ms": rtt_ms}
            ours = run_burly(made, layout, rtt_ms, folder, port)
            yield {"protocol": "burly", **case, "repeat": repeat, **ours}
            if repeat < paper_repeats(made.n, rtt_ms):
                theirs = run_paper(made, layout, rtt_ms, folder, port)
                yield {"protocol": "paper", **case, "repeat": repeat, **theirs}


def paper_repeats(n_vcpus: int, rtt_ms: float) -> int:
    """Return how often the paper's protocol runs, which takes up to a minute."""
    if n_vcpus > min(LAYOUTS):
        return 1 if rtt_ms in (NEAR_MS, FAR_MS) else 0
    return 2 if rtt_ms == FAR_MS else REPEATS


def run_burly(made: Vcpus, layout: tuple[int, int], rtt_ms: float, folder: Path, port: int) -> dict:
    """Train with burly; return seconds, the mean worker's breakdown of them, and the prediction."""
    n_workers, size = layout
    launcher = EmulatedFunctions(made, n_workers, size, size, f"redis://127.0.0.1:{port}")
    run = train_kmeans(folder, launcher)
    total, computed_ms = run.total(), compute_ms(run)
    finishing_s, trips = critical_path(run)
    return {
        "seconds": loop_s(run),
        "ms_an_iteration": loop_s(run) / N_ITERATIONS * 1e3,
        **{f"{share}_s": total.seconds(share) / n_workers for share in SHARES},
        "n_rounds": run.n_rounds,
        "commands_a_round": total.commands / n_workers / run.n_rounds,
        "least_round_compute_ms": min(computed_ms),
        "last_compute_s": finishing_s,
        "trips": trips,
        "predicted_s": finishing_s + trips * rtt_ms / 1e3,
    }


def critical_path(run: Run) -> tuple[float, int]:
    """Return the computing of whoever came last in each round, and the round trips between."""
    done = [event for event in run.events if isinstance(event, RoundDone)]
    rounds = sorted((e for e in done if e.came_last), key=lambda event: event.round)
    # In a small round every worker makes the next state itself, and nobody waits for it to come.
    small = {event.round for event in done if event.update_s > 0 and not event.came_last}
    handed_over = sum(
        earlier.rank != later.rank and earlier.round not in small
        for earlier, later in pairwise(rounds)
    )
    return sum(event.compute_s for event in rounds), len(rounds) + handed_over + 1


def run_paper(made: Vcpus, layout: tuple[int, int], rtt_ms: float, folder: Path, port: int) -> dict:
    """Train by the paper's protocol; its rows come with the call, and nothing comes after the loop."""
    n_workers, size = layout
    loop = run_ancestor(
        "kmeans",
        folder,
        port=port,
        n_workers=n_workers,
        n_inner=size if size > 1 else 0,
        n_rounds=2 if rtt_ms == FAR_MS else 5,
        groups=[made.group(vcpu) for vcpu in range(made.n)],
    )
    return {
        "seconds": loop.seconds,
        "ms_an_iteration": loop.seconds / loop.n_rounds * 1e3,
        "launch_s": loop.launch_s,
        **{f"{phase}_s": loop.phases[phase] for phase in PHASES},
        "n_rounds": loop.n_rounds,
        "commands_a_round": loop.commands,
        "trips": loop.trips,
        "predicted_s": loop.phases["compute"] + loop.trips * rtt_ms / 1e3,
    }


def chart(rows: list[dict]) -> alt.TopLevelMixin:
    """Draw milliseconds per iteration by layout, one line per distance."""
    cases = summarised(rows, CASE)
    drawn = [
        alt.hconcat(*(panel(cases, protocol, n_vcpus) for n_vcpus in LAYOUTS), spacing=40)
        for protocol in NAMES
    ]
    title = alt.TitleParams(
        "Few burly functions against many thin ones",
        subtitle=[
            "The same vCPUs in each panel; colours: round trip to the state store; medians, and from",
            "least to most. The paper's protocol has 60 times fewer rows, 10 clusters instead of 300,",
            "and a log axis.",
        ],
    )
    return alt.vconcat(*drawn, spacing=30).properties(title=title)


def panel(cases: list[dict], protocol: str, n_vcpus: int) -> alt.LayerChart:
    """Draw one protocol on one number of vCPUs."""
    values = [
        {
            **case,
            "layout": f"{case['n_workers']} x {case['vcpus']}",
            "rtt": f"{case['rtt_ms']:g} ms",
        }
        for case in cases
        if case["protocol"] == protocol and case["n_vcpus"] == n_vcpus
    ]
    layouts = [f"{n_workers} x {size}" for n_workers, size in LAYOUTS[n_vcpus]]
    base = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X("layout:N", sort=layouts, title="functions x vCPUs", axis=alt.Axis(labelAngle=0)),
        color=alt.Color("rtt:N", title="round trip", sort=[f"{rtt:g} ms" for rtt in RTTS_MS]),
    )
    lines = base.mark_line(point=True).encode(
        y=alt.Y("ms_an_iteration:Q", title=MS, scale=SCALES[protocol], axis=alt.Axis(format="~s"))
    )
    spread = base.mark_rule().encode(
        y=alt.Y("least_ms_an_iteration:Q", title=MS, scale=SCALES[protocol]),
        y2="most_ms_an_iteration:Q",
    )
    name = f"{NAMES[protocol]}, {n_vcpus} vCPUs"
    return alt.layer(lines, spread).properties(width=260, height=220, title=name)


if __name__ == "__main__":
    main()
