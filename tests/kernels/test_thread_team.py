"""The thread team, and which kernels it runs."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from burly import kernels
from burly.data.partition import DatasetInfo, Partition, ShardRows
from burly.exceptions import ConfigurationError, UnsupportedProcessorError
from burly.kernels import ThreadTeam
from burly.kernels.assignment import assign
from burly.kernels.rows import Rows


def label(team: ThreadTeam) -> None:
    X = np.ones((10, 2), dtype=np.float32)
    partition = Partition(DatasetInfo(2, X.dtype, 1, 10, 10), [ShardRows(0, X)])
    assert (assign(Rows(partition, team), team, X[:1], X[0]) == 0).all()


def tasks() -> set[int]:
    return {int(task.name) for task in Path("/proc/self/task").iterdir()}


@pytest.mark.parametrize(("dedicated", "own"), [(False, 2), (True, 3)])
def test_a_team_owns_its_threads_from_start_to_close(dedicated: bool, own: int) -> None:
    started: list[int] = []
    with ThreadTeam(3, dedicated=dedicated, on_start=started.extend) as team:
        assert len(set(team.thread_ids)) == own
        assert list(team.thread_ids) == started
        assert set(team.thread_ids) <= tasks()
        for _ in range(100):
            label(team)
    # A thread that was joined may stand in the list for another moment; one that was not stays.
    while set(team.thread_ids) & tasks():
        os.sched_yield()


def test_a_closed_team_refuses_to_work_and_closes_twice() -> None:
    team = ThreadTeam(2)
    team.close()
    team.close()
    with pytest.raises(RuntimeError, match="closed"):
        label(team)


@pytest.mark.parametrize("n_threads", [0, -1, 1.5, True, "2"])
def test_a_team_has_a_positive_whole_number_of_threads(n_threads: object) -> None:
    with pytest.raises(ConfigurationError, match="n_threads"):
        ThreadTeam(n_threads)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_team_is_refused_in_a_forked_child() -> None:
    with ThreadTeam(2) as team:
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            try:
                label(team)
            except RuntimeError as error:
                os._exit(7 if "fork" in str(error) else 1)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_an_unknown_name_of_kernels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURLY_KERNELS", "sse9")
    with pytest.raises(ConfigurationError, match="unknown kernels 'sse9'"):
        ThreadTeam(1)


def test_the_environment_forces_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in kernels.runnable():
        monkeypatch.setenv("BURLY_KERNELS", name)
        with ThreadTeam(1) as team:
            assert team.kernels == kernels.name() == name
            assert team.module.__name__ == f"burly.kernels._{name}"


def test_kernels_of_another_processor_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "runnable", lambda: ("avx2",))
    kernels.load.cache_clear()
    with pytest.raises(ConfigurationError, match="cannot run the kernels 'neon'"):
        ThreadTeam(1, kernels="neon")


def test_a_processor_without_fused_multiply_add_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BURLY_KERNELS", raising=False)
    monkeypatch.setattr(kernels, "runnable", tuple)
    with pytest.raises(UnsupportedProcessorError, match="fused multiply-add"):
        ThreadTeam(1)
