"""The paper's protocol: what its workers tell of their rounds."""

import numpy as np
import pytest

from ancestor.clock import PHASES
from launching import run_ancestor
from network import monitored, valkey

N_WORKERS, N_ROUNDS = 2, 3


@pytest.mark.parametrize("algorithm", ["kmeans", "logistic"])
def test_its_workers_count_the_commands_that_the_server_sees(tmp_path, algorithm):
    X = np.random.default_rng(0).random((40, 3))
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "centres.npy", X[:4])
    np.save(tmp_path / "y.npy", (X[:, 0] > 0.5).astype(float))
    with valkey() as port, monitored(port) as stamps:
        loop = run_ancestor(
            algorithm, tmp_path, port=port, n_workers=N_WORKERS, n_inner=2, n_rounds=N_ROUNDS
        )
    seen = sum(loop.began_at <= stamp <= loop.ended_at for stamp in stamps)
    told = loop.commands * loop.n_rounds * N_WORKERS
    # A worker that leaves the first barrier before the last one does counts what it sends meanwhile.
    assert told == pytest.approx(seen, rel=0.1)
    assert loop.trips < told / N_WORKERS


def test_its_phases_are_all_of_its_loop(tmp_path):
    X = np.random.default_rng(0).random((40, 3))
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "centres.npy", X[:4])
    with valkey() as port:
        loop = run_ancestor(
            "kmeans", tmp_path, port=port, n_workers=1, n_inner=0, n_rounds=N_ROUNDS
        )
    assert set(loop.phases) == set(PHASES)
    assert min(loop.phases.values()) > 0
    assert sum(loop.phases.values()) == pytest.approx(loop.seconds, rel=0.1)
    assert loop.launch_s > 0
