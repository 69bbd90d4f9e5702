"""Runs that were made up, with numbers that tell each other apart."""

from __future__ import annotations

import random
from dataclasses import replace

from burly.events import (
    Ended,
    Event,
    Launched,
    PartitionLoaded,
    Price,
    RoundDone,
    StateMade,
    WorkerFinished,
    WorkerStarted,
)
from burly.report.run import Run

PRICE = Price("AWS Lambda", 2e-5, 2e-7, 0.001, "https://example.org/prices", "2026-11-24")

JOINING_S = 0.01


def made_run(
    *,
    n_workers: int = 3,
    n_rounds: int = 12,
    price: Price | None = None,
    error: str = "",
    seed: int = 0,
) -> Run:
    """Return a run in which worker 1 is slow and comes last."""
    draw = random.Random(seed)  # noqa: S311  nothing is secret here
    run = Run({"n_clusters": 8, "tol": 1e-4}, seed=3, init="k-means||", task="KMeans.fit")
    run.record(Launched(1000.0, n_workers, 2.0, "Lithops aws_lambda", 3538, price))
    clocks = {}
    for rank in range(n_workers):
        started = 1000.0 + 0.5 + draw.random()
        run.record(
            WorkerStarted(started, rank, 0, 2, started - 1000.0, f"host:{rank + 10}", "avx2")
        )
        load_s = draw.uniform(0.1, 0.3)
        n_rows = 1000 + draw.randrange(100)
        loaded = started + JOINING_S + load_s
        run.record(PartitionLoaded(loaded, rank, 0, load_s, n_rows, 2, 8 * n_rows))
        clocks[rank] = loaded
    for number in range(1, n_rounds + 1):
        phase = "profile" if number <= 2 else "lloyd"
        for event in _round(draw, number, phase, clocks):
            run.record(event)
        figures = {"shift": 2.0**-number, "iteration": float(number)} if number > 2 else {}
        run.record(StateMade(max(clocks.values()), number + 1, phase, figures))
    for rank, clock in clocks.items():
        run.record(WorkerFinished(clock + 0.01, rank, 0, 0.01, 64))
    run.record(Ended(max(clocks.values()) + 0.05, error))
    return run


def _round(
    draw: random.Random, number: int, phase: str, clocks: dict[int, float]
) -> list[RoundDone]:
    shares = {rank: draw.uniform(0.05, 0.06) * (2 if rank == 1 else 1) for rank in clocks}
    last = max(shares, key=lambda rank: shares[rank])
    done = []
    for rank, compute_s in shares.items():
        event = RoundDone(
            at=0.0,
            rank=rank,
            attempt=0,
            round=number,
            phase=phase,
            compute_s=compute_s,
            contribute_s=draw.uniform(0.001, 0.002),
            wait_s=0.0 if rank == last else shares[last] - compute_s,
            update_s=0.002 if rank == last else 0.0,
            receive_s=draw.uniform(0.001, 0.003),
            bytes_sent=draw.randrange(1000, 2000),
            bytes_received=draw.randrange(2000, 4000),
            commands=2,
        )
        clocks[rank] += spent_s(event)
        done.append(replace(event, at=clocks[rank]))
    return done


def spent_s(event: RoundDone) -> float:
    return event.compute_s + event.contribute_s + event.wait_s + event.update_s + event.receive_s


def of(run: Run, kind: type[Event]) -> list[Event]:
    return [event for event in run.events if isinstance(event, kind)]
