"""Burly beside its ancestor: the same data, Valkey server and Lithops localhost.

K-means, and logistic regression by the paper's gradient descent (solver "gd"). Measures the time in
the training loop and the commands that clients send in it, with the store on this machine and with
a network's round trip added (0.66 ms: from AWS Lambda to ElastiCache in the same zone). All take
turns, and burly, whose loops take some 30 ms where the ancestor's take seconds, runs three times in
each; medians count. Times come from runs that nobody watches, commands from runs under MONITOR,
which leaves out what scripts call inside the server. Both are stated for an iteration, all rounds of
burly's included. Then solver "auto" against "gd" to the loss that gd reaches, on both ways to the store::

    make bench BENCH=ancestor

The ancestor is in ``experiments/ancestor``.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

import burly
from burly.events import PartitionLoaded, RoundDone, StateMade
from burly.report.run import Run

sys.path.insert(0, str(Path(__file__).parents[1] / "experiments"))
from launching import Loop, run_ancestor
from network import monitored, relayed, valkey

N_ROWS, N_FEATURES, N_CLUSTERS, N_WORKERS = 20_000, 20, 10, 2
LEARNING_RATE = 5e-5
RTT_MS = 0.66
REPEATS = 3
OURS_A_TURN = 3


@dataclass(frozen=True)
class Case:
    """An algorithm, and how burly runs it: on a folder of data, so many iterations, to what it found."""

    name: str
    fit: Callable[[Path, burly.Lithops, int], tuple[Run, np.ndarray]]


def fit_kmeans(folder: Path, launcher: burly.Lithops, n_iterations: int) -> tuple[Run, np.ndarray]:
    model = burly.KMeans(
        N_CLUSTERS,
        init=np.load(folder / "centres.npy"),
        max_iter=n_iterations,
        tol=0.0,
        launcher=launcher,
    ).fit(np.load(folder / "X.npy"))
    return model.run_, model.cluster_centers_


def fit_logistic(
    folder: Path, launcher: burly.Lithops, n_iterations: int
) -> tuple[Run, np.ndarray]:
    model = descent(launcher, n_iterations).fit(
        np.load(folder / "X.npy"), np.load(folder / "y.npy")
    )
    return model.run_, np.append(model.intercept_, model.coef_)


def descent(launcher: burly.Lithops, n_iterations: int) -> burly.LogisticRegression:
    return burly.LogisticRegression(
        C=np.inf,
        solver="gd",
        learning_rate=LEARNING_RATE,
        max_iter=n_iterations,
        launcher=launcher,
    )


CASES = [Case("kmeans", fit_kmeans), Case("logistic", fit_logistic)]


def run_burly(case: Case, folder: Path, n_iterations: int, port: int) -> Loop:
    """Train with burly."""
    run, found = case.fit(folder, launcher_to(port), n_iterations)
    return Loop(
        max(event.at for event in run.events if isinstance(event, PartitionLoaded)),
        max(event.at for event in run.events if isinstance(event, RoundDone)),
        n_iterations,
        found,
    )


def launcher_to(port: int) -> burly.Lithops:
    return burly.Lithops(
        n_workers=N_WORKERS, vcpus=1, backend="localhost", state=f"redis://127.0.0.1:{port}"
    )


@dataclass(frozen=True)
class Measured:
    """The median run of several, and the commands of an iteration from one more."""

    loop: Loop
    commands: float


def measure(
    runs: Mapping[str, tuple[Callable[[int], Loop], int]], server_port: int, port: int
) -> dict[str, Measured]:
    """Let runs take turns, each so many times in one; print what they took."""
    loops: dict[str, list[Loop]] = {name: [] for name in runs}
    for _ in range(REPEATS):
        for name, (run, times) in runs.items():
            loops[name] += [run(port) for _ in range(times)]
    measured = {}
    for name, (run, _) in runs.items():
        with monitored(server_port) as stamps:
            watched = run(port)
        inside = [stamp for stamp in stamps if watched.began_at <= stamp <= watched.ended_at]
        ordered = sorted(loops[name], key=lambda loop: loop.seconds)
        spread = ", ".join(f"{loop.seconds / loop.n_rounds * 1e3:.2f}" for loop in ordered)
        commands = len(inside) / watched.n_rounds
        print(f"{name}:\n  {spread} ms and {commands:.1f} commands an iteration", flush=True)
        measured[name] = Measured(ordered[len(ordered) // 2], commands)
    return measured


def compare(case: Case, folder: Path, n_iterations: int, server_port: int, port: int) -> None:
    """Run both on one way to the store, and print how they compare."""

    def ancestor(at: int, n_inner: int) -> Loop:
        return run_ancestor(
            case.name,
            folder,
            port=at,
            n_workers=N_WORKERS,
            n_inner=n_inner,
            n_rounds=n_iterations,
            learning_rate=LEARNING_RATE,
        )

    runs = {
        f"{case.name}, ancestor, {N_WORKERS} workers with {n_inner} inner": (
            partial(ancestor, n_inner=n_inner),
            1,
        )
        for n_inner in (1, 2)
    }
    burly_name = f"{case.name}, burly, {N_WORKERS} workers"
    runs[burly_name] = (partial(run_burly, case, folder, n_iterations), OURS_A_TURN)
    results = measure(runs, server_port, port)
    ours = results.pop(burly_name)
    best = min(results.values(), key=lambda result: result.loop.seconds)
    np.testing.assert_allclose(ours.loop.found, best.loop.found, rtol=1e-9, atol=1e-12)
    print(
        f"the same model; {best.loop.seconds / ours.loop.seconds:.0f} times less time in the loop "
        f"and {best.commands / ours.commands:.0f} times fewer commands than the faster ancestor",
        flush=True,
    )


def compare_solvers(folder: Path, n_iterations: int, port: int) -> None:
    """Print what "auto" needs for the loss that gd reaches, and to its own end."""
    X, y = np.load(folder / "X.npy"), np.load(folder / "y.npy")
    gd = descent(launcher_to(port), n_iterations).fit(X, y)
    auto = burly.LogisticRegression(C=np.inf, launcher=launcher_to(port)).fit(X, y)
    losses = {}
    for name, model in {"gd": gd, "auto": auto}.items():
        margins = model.decision_function(X) * (2 * y - 1)
        losses[name] = float(np.mean(np.logaddexp(0, -margins)))
        print(f"{name}: mean loss {losses[name]:.6f} after {needed(model.run_, -np.inf)}")
    print(f"auto: at most the loss of gd after {needed(auto.run_, losses['gd'])}", flush=True)


def needed(run: Run, loss: float) -> str:
    """Return the rounds and the time until a pass over all rows saw at most a loss, or until the end."""
    loaded = max(event.at for event in run.events if isinstance(event, PartitionLoaded))
    phases = {event.round: event.phase for event in run.events if isinstance(event, RoundDone)}
    made = {event.round - 1: event for event in run.events if isinstance(event, StateMade)}
    reached = [
        number
        for number, event in made.items()
        if phases[number] == "pass" and event.figures.get("loss", np.inf) <= loss
    ]
    number = min(reached, default=max(made))
    return f"{number} rounds, {(made[number].at - loaded) * 1e3:.1f} ms"


def main() -> None:
    """Make the data, start the server, and compare without and with a network between."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=30, help="of every loop")
    n_iterations = parser.parse_args().iterations
    random = np.random.default_rng(0)
    X = random.random((N_ROWS, N_FEATURES))
    margins = (X - 0.5) @ random.normal(scale=3.0, size=N_FEATURES)
    print(
        f"{N_ROWS} x {N_FEATURES} noise, k {N_CLUSTERS}, {n_iterations} iterations; "
        f"{platform.machine()}, {os.cpu_count()} cores"
    )
    with tempfile.TemporaryDirectory() as name, valkey() as port:
        folder = Path(name)
        np.save(folder / "X.npy", X)
        np.save(folder / "y.npy", (random.random(N_ROWS) < 1 / (1 + np.exp(-margins))) * 1.0)
        np.save(folder / "centres.npy", X[:N_CLUSTERS])
        for case in CASES:
            compare(case, folder, n_iterations, port, port)
        compare_solvers(folder, n_iterations, port)
        with relayed(port, RTT_MS) as distance:
            for case in CASES:
                compare(case, folder, n_iterations, port, distance.port)
            compare_solvers(folder, n_iterations, distance.port)


if __name__ == "__main__":
    main()
