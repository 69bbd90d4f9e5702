"""The paper's protocol: what its workers tell of their rounds."""

from types import SimpleNamespace

import numpy as np
import pytest
from redis.connection import Connection

from ancestor.clock import PHASES, Clock
from launching import run_ancestor
from network import monitored, valkey

N_ROUNDS = 3


@pytest.mark.parametrize("algorithm", ["kmeans", "logistic"])
def test_its_workers_count_the_commands_that_the_server_sees(tmp_path, algorithm):
    X = np.random.default_rng(0).random((40, 3))
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "centres.npy", X[:4])
    np.save(tmp_path / "y.npy", (X[:, 0] > 0.5).astype(float))
    with valkey() as port, monitored(port) as stamps:
        loop = run_ancestor(
            algorithm, tmp_path, port=port, n_workers=1, n_inner=2, n_rounds=N_ROUNDS
        )
    seen = sum(loop.began_at <= stamp <= loop.ended_at for stamp in stamps)
    told = loop.commands * loop.n_rounds
    # Of one worker alone: another one would be sending while this one is not in its loop yet.
    assert round(told) == seen
    assert loop.trips < told


def test_its_clock_books_every_moment_to_a_phase(monkeypatch):
    for name in ("send_command", "pack_commands", "send_packed_command"):
        # The clock counts in their place; this puts them back.
        monkeypatch.setattr(Connection, name, getattr(Connection, name))
    moments = iter([10.0, 11.0, 13.0, 17.0])
    monkeypatch.setattr(
        "ancestor.clock.time", SimpleNamespace(time=lambda: 0.0, perf_counter=lambda: next(moments))
    )
    clock = Clock()
    clock.begin()
    for phase in ("compute", "wait", "compute"):
        clock.lap(phase)
    phases = clock.end(n_rounds=1).phases
    assert phases == {**dict.fromkeys(PHASES, 0.0), "compute": 5.0, "wait": 2.0}


def test_every_phase_of_its_loop_takes_time(tmp_path):
    X = np.random.default_rng(0).random((40, 3))
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "centres.npy", X[:4])
    with valkey() as port:
        loop = run_ancestor(
            "kmeans", tmp_path, port=port, n_workers=1, n_inner=0, n_rounds=N_ROUNDS
        )
    assert set(loop.phases) == set(PHASES)
    assert min(loop.phases.values()) > 0
    assert loop.launch_s > 0
