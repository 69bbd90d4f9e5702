"""Experiment 4: what does a round cost by itself?

Question: how do the time of a round and its client commands grow with the number of workers and with
what each of them contributes?

Set-up: a Valkey server on this machine, no relay, no emulated vCPUs; workers are processes that
compute nothing. Each contributes 1 kB to 8 MB of integers to be summed, at most 256 MB per round, and
the state that all receive is as large as one contribution. The paper's protocol: k-means of 8
clusters with a row per cluster and worker, its payload being the sums of the clusters.

Method: the median round of rank 0, after two to warm up, and what the mean worker sends in a round;
all cases in turn, three times, every other time in reverse, and medians of those. The paper's
protocol: the mean of 3 rounds, for up to 4 workers three times too, for more once, since starting as
many Lithops functions takes up to 10 s.

Prediction: at most three commands per worker and two round trips, whatever the number of workers. All
processes share 2 cores here, so time grows with the workers, by some 0.2 ms each, and with the bytes:
each contribution is written, read back by one worker and summed, and the state is read by all.
"""

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np

from burly.contributions import Part, Reducer, Step
from burly.rounds import Rounds
from burly.state.address import RunAddress
from burly.state.connect import connect
from burly.state.store import StateMessage
from burly.states import State
from emulation import in_front
from launching import run_ancestor
from network import valkey
from results import draw, summarised, write

WORKERS = (1, 2, 4, 8, 16, 32, 64)
PAYLOADS = (1_000, 10_000, 100_000, 1_000_000, 8_000_000)
GREATEST_ROUND = 256_000_000
WARM_UP, MOST_ROUNDS, LEAST_ROUNDS, REPEATS = 2, 20, 3, 3
BYTES_A_CASE = 300_000_000
PAPER_PAYLOADS, PAPER_CLUSTERS, PAPER_ROUNDS, PAPER_MOST_REPEATED = (
    (1_000, 100_000, 8_000_000),
    8,
    3,
    4,
)
CASE = ("protocol", "n_workers", "payload_bytes")


def main() -> None:
    """Run the experiment, write its results and draw them."""
    with tempfile.TemporaryDirectory() as name, in_front(), valkey() as port:
        rows = [
            {**row, "repeat": repeat}
            for repeat in range(REPEATS)
            for row in in_turn(Path(name), port, repeat)
        ]
    write("synchronisation", rows)
    draw("synchronisation", chart(rows))


def in_turn(folder: Path, port: int, repeat: int) -> Iterator[dict]:
    """Measure all cases once."""
    cases = [
        (payload, n_workers)
        for payload, n_workers in product(PAYLOADS, WORKERS)
        if n_workers * payload <= GREATEST_ROUND
    ]
    for payload, n_workers in reversed(cases) if repeat % 2 else cases:
        yield measure_burly(port, n_workers, payload)
        if payload in PAPER_PAYLOADS and (repeat == 0 or n_workers <= PAPER_MOST_REPEATED):
            yield measure_paper(folder, port, n_workers, payload)


def measure_burly(port: int, n_workers: int, payload: int) -> dict:
    """Let workers meet that compute nothing."""
    n_rounds = min(MOST_ROUNDS, max(LEAST_ROUNDS, BYTES_A_CASE // (n_workers * payload)))
    address = RunAddress.new(f"redis://127.0.0.1:{port}", world_size=n_workers)
    client = connect(address)
    first = State("meet", {"n": np.array(0), "sums": np.zeros(payload // 8)})
    client.open(StateMessage(0, 1, first))
    context = multiprocessing.get_context("fork")
    told = context.Queue()
    workers = [
        context.Process(target=meet, args=(address, rank, payload, n_rounds, told))
        for rank in range(n_workers)
    ]
    for worker in workers:
        worker.start()
    answers = dict(told.get() for _ in workers)
    for worker in workers:
        worker.join()
    client.clear()
    client.close()
    seconds = statistics.median(seconds for seconds, _ in answers[0])
    commands = statistics.mean(commands for rounds in answers.values() for _, commands in rounds)
    return told_row("burly", n_workers, payload, seconds, commands)


def meet(
    address: RunAddress, rank: int, payload: int, n_rounds: int, told: "multiprocessing.Queue"
) -> None:
    """Be a worker of nothing but rounds; tell seconds and commands of each."""

    def update(states: Sequence[State], totals: Mapping[str, Any]) -> State:
        number = int(states[-1]["n"]) + 1
        arrays = {"n": np.array(number), "sums": totals["sums"].astype(np.float64)}
        return State("meet", arrays, done=number == WARM_UP + n_rounds)

    parts = {"sums": Part(Reducer.SUM, np.ones(payload // 8, dtype=np.int64))}
    store = connect(address)
    rounds = Rounds(store, rank=rank, world_size=address.world_size)
    state = rounds.receive()
    figures = []
    while not state.done:
        commands, begun = store.traffic.commands, time.perf_counter()
        state = rounds.exchange(Step(parts), update)
        figures.append((time.perf_counter() - begun, store.traffic.commands - commands))
    rounds.leave()
    store.close()
    told.put((rank, figures[WARM_UP:]))


def measure_paper(folder: Path, port: int, n_workers: int, payload: int) -> dict:
    """Let the paper's protocol meet with next to nothing to compute."""
    n_features = payload // 8 // PAPER_CLUSTERS
    X = np.random.default_rng(0).random((PAPER_CLUSTERS * n_workers, n_features))
    np.save(folder / "X.npy", X)
    np.save(folder / "centres.npy", X[:PAPER_CLUSTERS])
    loop = run_ancestor(
        "kmeans", folder, port=port, n_workers=n_workers, n_inner=0, n_rounds=PAPER_ROUNDS
    )
    return told_row("paper", n_workers, payload, loop.seconds / loop.n_rounds, loop.commands)


def told_row(
    protocol: str, n_workers: int, payload: int, seconds: float, commands: float
) -> dict[str, Any]:
    """Return a row of results, and print it."""
    print(
        f"{protocol}, {n_workers} workers, {payload:,} bytes each: {seconds * 1e3:.2f} ms and "
        f"{commands:.2f} commands per worker"
    )
    return {
        "protocol": protocol,
        "n_workers": n_workers,
        "payload_bytes": payload,
        "ms_a_round": seconds * 1e3,
        "commands_a_worker": commands,
    }


def chart(rows: list[dict]) -> alt.TopLevelMixin:
    """Draw milliseconds and commands against workers, one line a payload."""
    sizes = [size(payload) for payload in PAYLOADS]
    values = [
        {
            **case,
            "payload": size(case["payload_bytes"]),
            "by": {"burly": "burly", "paper": "paper's protocol"}[case["protocol"]],
        }
        for case in summarised(rows, CASE)
    ]
    base = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X("n_workers:Q", title="workers", scale=alt.Scale(type="log", base=2)),
        color=alt.Color("payload:N", sort=sizes, title="each contributes"),
    )
    panels = [
        panel(base, "ms_a_round", "ms per round"),
        panel(base, "commands_a_worker", "commands per worker and round"),
    ]
    title = alt.TitleParams(
        "A round by itself",
        subtitle=[
            "State store and all workers on the same 2 cores; dashed: the paper's protocol; medians, and",
            "from least to most",
        ],
    )
    return alt.hconcat(*panels).properties(title=title)


def panel(base: alt.Chart, field: str, title: str) -> alt.LayerChart:
    """Draw one figure against the number of workers."""
    scale, axis = alt.Scale(type="log"), alt.Axis(format="~g")
    lines = base.mark_line(point=True).encode(
        y=alt.Y(f"{field}:Q", title=title, scale=scale, axis=axis),
        strokeDash=alt.StrokeDash("by:N", legend=None),
    )
    spread = base.mark_rule().encode(
        y=alt.Y(f"least_{field}:Q", title=title, scale=scale, axis=axis), y2=f"most_{field}:Q"
    )
    return alt.layer(lines, spread).properties(width=330, height=300)


def size(n_bytes: int) -> str:
    """Return a payload for people."""
    return f"{n_bytes // 1_000_000} MB" if n_bytes >= 1_000_000 else f"{n_bytes // 1_000} kB"


if __name__ == "__main__":
    main()
