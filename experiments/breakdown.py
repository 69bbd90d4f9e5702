"""Experiment 3: where does the time of a worker go?

Question: how much of a worker's time is launching, loading, computing and synchronising, in each
layout, and what is the share of synchronisation?

Set-up and method: the runs of experiment 2 with the state store 0.66 and 25 ms away, read from
results/few_or_many.csv: what every run of burly tells of itself, and the clocks in the workers of the
paper's protocol, summed by phase, for the mean worker; medians of the repeats. Synchronisation is all
of a round that is not computing: contribute, wait, update and receive, and the paper's protocol's
locks. Waiting for slower workers is in it, since only synchronisation makes anybody wait. The paper's
protocol gets its rows with the call, so that loading them is part of its launch.

Prediction: loading and finishing depend on the data alone. Two round trips of 0.66 ms and the work of
the store are a few milliseconds of rounds that compute for 80 to 170, so burly's synchronisation
stays below a fifth, and what grows with the number of workers is waiting for the slowest. The paper's
protocol spends a few hundred trips per round, so most of its time is synchronisation.
"""

import altair as alt

from few_or_many import CASE, FAR_MS, LAYOUTS, NAMES, NEAR_MS
from results import COLOURS, draw, read, summarised, write

RTTS_MS = (NEAR_MS, FAR_MS)
SYNCHRONISING = ("locks", "contribute", "wait", "update", "receive")


def main() -> None:
    """Take the breakdown from experiment 2, write its shares and draw them."""
    rows = [
        {
            **{name: row[name] for name in (*CASE, "repeat")},
            **{phase: row[f"{phase}_s"] for phase in COLOURS},
            "synchronisation": share(row),
        }
        for row in read("few_or_many")
        if row["rtt_ms"] in RTTS_MS
    ]
    write("breakdown", rows)
    for case in summarised(rows, CASE):
        print(
            f"{case['protocol']}, {case['n_workers']} x {case['vcpus']} vCPUs, {case['rtt_ms']:g} ms "
            f"away: {case['synchronisation']:.1%} of the rounds is synchronisation"
        )
    draw("breakdown", chart(rows))


def share(row: dict) -> float:
    """Return the share of synchronisation in the time of the rounds."""
    synchronising = sum(row[f"{phase}_s"] or 0.0 for phase in SYNCHRONISING)
    return synchronising / (synchronising + row["compute_s"])


def chart(rows: list[dict]) -> alt.TopLevelMixin:
    """Draw a stacked bar for each layout, a panel for each protocol and distance."""
    cases = summarised(rows, CASE)
    drawn = [
        alt.hconcat(*(panel(cases, protocol, rtt_ms) for rtt_ms in RTTS_MS), spacing=90)
        for protocol in NAMES
    ]
    title = alt.TitleParams(
        "Where the time of a worker goes",
        subtitle=[
            "k-means; beside each bar: what synchronisation (locks, contribute, wait, update, receive)",
            "takes of the time in rounds. The paper's protocol has 60 times fewer rows, and fewer rounds.",
        ],
    )
    return alt.vconcat(*drawn, spacing=30).properties(title=title)


def panel(cases: list[dict], protocol: str, rtt_ms: float) -> alt.LayerChart:
    """Draw one protocol at one distance."""
    layouts = [f"{n} x {size}" for each in LAYOUTS.values() for n, size in each]
    phases = list(COLOURS)
    bars, labels = [], []
    for case in cases:
        if (case["protocol"], case["rtt_ms"]) != (protocol, rtt_ms):
            continue
        layout = f"{case['n_workers']} x {case['vcpus']}"
        spent = {phase: case.get(phase, 0.0) for phase in phases}
        bars += [
            {"layout": layout, "phase": phase, "seconds": seconds, "order": phases.index(phase)}
            for phase, seconds in spent.items()
        ]
        text = f"{case['synchronisation']:.0%}"
        labels.append({"layout": layout, "end": sum(spent.values()), "text": text})
    y = alt.Y("layout:N", sort=layouts, title="functions x vCPUs")
    colour = alt.Color(
        "phase:N",
        title=None,
        sort=phases,
        scale=alt.Scale(domain=phases, range=list(COLOURS.values())),
    )
    stacks = (
        alt.Chart(alt.Data(values=bars))
        .mark_bar()
        .encode(
            y=y,
            x=alt.X("seconds:Q", title="seconds, the mean worker"),
            color=colour,
            order="order:Q",
        )
    )
    texts = (
        alt.Chart(alt.Data(values=labels))
        .mark_text(align="left", dx=5, fontSize=11)
        .encode(y=y, x="end:Q", text="text:N")
    )
    name = f"{NAMES[protocol]}, {rtt_ms:g} ms away"
    return alt.layer(stacks, texts).properties(width=330, height=190, title=name)


if __name__ == "__main__":
    main()
