"""A model has the same bits for every layout, store, processor and library of linear algebra."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from tests.estimators.elsewhere import run_elsewhere

from burly import InProcess, KMeans
from burly.events import Ended, Launched
from burly.launchers.base import Launcher, Result
from burly.state.address import RunAddress
from burly.state.connect import connect
from burly.state.embedded import EmbeddedServer
from burly.state.store import StateMessage
from burly.worker import Task, run_worker


@dataclass(frozen=True)
class OverValkey(Launcher):
    """Workers that are threads of this process and meet in a server of their own."""

    n_workers: int

    def run(self, job, observer):
        parts = job.data.split(self.n_workers)
        observer(Launched(0.0, len(parts), job.n_threads, "over Valkey"))
        kept = [None] * len(parts)

        def work(rank):
            def keep(partition, outputs):
                kept[rank] = outputs
                return 0

            store = connect(address)
            try:
                load = lambda n_threads: job.data.read(parts[rank], n_threads)  # noqa: E731
                task = Task(job.algorithm, job.n_threads, load, keep, 0.0)
                return run_worker(task, store, rank=rank, world_size=len(parts))
            finally:
                store.close()

        with EmbeddedServer() as server, ThreadPoolExecutor(len(parts)) as threads:
            address = RunAddress.new(server.url, world_size=len(parts), memory=job.algorithm.memory)
            client = connect(address)
            client.open(StateMessage(0, 1, job.first))
            states = list(threads.map(work, range(len(parts))))
            client.close()
        observer(Ended(0.0))
        outputs = {name: np.concatenate([some[name] for some in kept]) for name in kept[0]}
        return Result(states[0], outputs)


def blobs(dtype, offset):
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(8, 6)) * 4
    return (rng.normal(size=(30_000, 6)) + centers[rng.integers(0, 8, 30_000)] + offset).astype(
        dtype
    )


@settings(max_examples=16, deadline=None)
@given(
    make_launcher=st.sampled_from([InProcess, OverValkey]),
    n_workers=st.integers(1, 4),
    n_threads=st.integers(1, 3),
    dtype=st.sampled_from([np.float32, np.float64]),
    init=st.sampled_from(["k-means++", "k-means||", "random"]),
    weighted=st.booleans(),
    offset=st.sampled_from([0.0, 1e4]),
)
def test_a_model_has_the_same_bits_for_every_layout_and_store(
    make_launcher, n_workers, n_threads, dtype, init, weighted, offset
):
    X = blobs(dtype, offset)
    weights = np.random.default_rng(1).integers(0, 4, len(X)) * 0.3 if weighted else None
    one = KMeans(8, init=init, n_init=2, random_state=3, n_threads=1, launcher=InProcess(1))
    other = clone(one).set_params(n_threads=n_threads, launcher=make_launcher(n_workers))
    one.fit(X, sample_weight=weights)
    other.fit(X, sample_weight=weights)
    assert one.cluster_centers_.tobytes() == other.cluster_centers_.tobytes()
    assert one.labels_.tobytes() == other.labels_.tobytes()
    assert (one.inertia_, one.n_iter_) == (other.inertia_, other.n_iter_)


def test_the_same_holds_where_numpy_and_blas_choose_otherwise():
    run_elsewhere(
        "from tests.estimators import test_layouts\n"
        "test_layouts.test_a_model_has_the_same_bits_for_every_layout_and_store()"
    )
