"""Experiment 3: where does the time of a worker go?

Question: how much of a worker's time is launching, loading, computing and synchronising, in each
layout, and what is the share of synchronisation?

Set-up and method: burly's runs of experiment 2 with the state store 0.66 ms away, which are read
from results/few_or_many.csv; the events that every run leaves, summed by phase, for the mean worker.
Synchronisation is all of a round that is not computing: contribute, wait, update and receive. Waiting
for slower workers is in it, since only synchronisation makes anybody wait.

Prediction: loading and finishing depend on the data alone. Two round trips of 0.66 ms and the work of
the store are a few milliseconds of rounds that compute for 80 to 170, so synchronisation stays below
a fifth, and what grows with the number of workers is waiting for the slowest.
"""

import altair as alt

from results import COLOURS, PHASES, draw, read, write

RTT_MS = 0.66
SYNCHRONISING = ("contribute", "wait", "update", "receive")


def main() -> None:
    """Take the breakdown from experiment 2, write its shares and draw them."""
    rows = [
        {
            **{name: row[name] for name in ("n_vcpus", "n_workers", "vcpus", "rtt_ms")},
            **{phase: row[f"{phase}_s"] for phase in PHASES},
            "synchronisation": share(row),
        }
        for row in read("few_or_many")
        if row["protocol"] == "burly" and row["rtt_ms"] == RTT_MS
    ]
    for row in rows:
        print(
            f"{row['n_workers']} x {row['vcpus']} vCPUs: {row['synchronisation']:.1%} of the "
            "rounds is synchronisation"
        )
    write("breakdown", rows)
    draw("breakdown", chart(rows))


def share(row: dict) -> float:
    """Return the share of synchronisation in the time of the rounds."""
    synchronising = sum(row[f"{phase}_s"] for phase in SYNCHRONISING)
    return synchronising / (synchronising + row["compute_s"])


def chart(rows: list[dict]) -> alt.TopLevelMixin:
    """Draw a stacked bar for each layout."""
    layouts = [f"{row['n_workers']} x {row['vcpus']}" for row in rows]
    values = [
        {"layout": layout, "phase": phase, "seconds": row[phase], "order": PHASES.index(phase)}
        for layout, row in zip(layouts, rows, strict=True)
        for phase in PHASES
    ]
    labels = [
        {
            "layout": layout,
            "end": sum(row[phase] for phase in PHASES),
            "text": f"{row['synchronisation']:.0%} of the rounds' time",
        }
        for layout, row in zip(layouts, rows, strict=True)
    ]
    bars = (
        alt.Chart(alt.Data(values=values))
        .mark_bar()
        .encode(
            y=alt.Y("layout:N", sort=None, title="functions x vCPUs"),
            x=alt.X("seconds:Q", title="seconds of the mean worker"),
            color=alt.Color(
                "phase:N", sort=PHASES, scale=alt.Scale(domain=PHASES, range=COLOURS), title=None
            ),
            order="order:Q",
        )
    )
    texts = (
        alt.Chart(alt.Data(values=labels))
        .mark_text(align="left", dx=5, fontSize=11)
        .encode(y=alt.Y("layout:N", sort=None), x="end:Q", text="text:N")
    )
    title = alt.TitleParams(
        "Where the time of a worker goes",
        subtitle=[
            "burly's k-means, state store 0.66 ms away; beside each bar: what synchronisation",
            "(contribute, wait, update, receive) takes of the time in rounds",
        ],
    )
    return (bars + texts).properties(width=560, height=280, title=title)


if __name__ == "__main__":
    main()
