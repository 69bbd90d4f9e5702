"""Emulated functions: their threads are in the vCPUs, and everything else is not."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

import burly
import emulated_function
import emulation
from burly.kernels import ThreadTeam
from emulation import EmulationError
from functions import EmulatedFunctions
from network import valkey


def missing() -> str:
    """Return why there can be no vCPUs here; empty if there can."""
    try:
        emulation._require_groups()
    except EmulationError as error:
        return str(error)
    return ""


needs_groups = pytest.mark.skipif(bool(missing()), reason=missing() or "there are vCPUs")


def groups_of(thread_id: int) -> str:
    """Return the control group of the cpu controller that a thread of this process is in."""
    for line in Path(f"/proc/self/task/{thread_id}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "cpu" in controllers.split(","):
            return path
    raise AssertionError(thread_id)


def test_the_hook_of_the_team_gets_the_threads_that_compute_and_not_the_main_one():
    told = []
    with ThreadTeam(3, dedicated=True, on_start=told.append) as team:
        assert told == [team.thread_ids]
        assert len(set(team.thread_ids)) == 3
        assert threading.get_native_id() not in team.thread_ids


def test_a_function_puts_its_threads_into_its_vcpus_by_the_hook_of_the_team(tmp_path):
    groups = [tmp_path / f"vcpu{i}" for i in range(3)]
    for group in groups:
        group.mkdir()
    with emulated_function.make_team(groups, 2) as team:
        entered = [int((group / "tasks").read_text()) for group in groups[:2]]
        assert entered == list(team.thread_ids)
    assert not (groups[2] / "tasks").exists()


@needs_groups
def test_threads_are_in_a_vcpu_each_and_the_main_thread_is_outside():
    with emulation.vcpus(2) as made:
        groups = made.of_worker(0, 2)
        with emulated_function.make_team(groups, 2) as team:
            found = [groups_of(thread_id) for thread_id in team.thread_ids]
            assert [Path(path).name for path in found] == ["vcpu0", "vcpu1"]
            assert Path(groups_of(threading.get_native_id())).name == "others"
            assert [(group / "tasks").read_text().split() for group in groups] == [
                [str(thread_id)] for thread_id in team.thread_ids
            ]
    assert not made.folder.exists()


@needs_groups
def test_a_vcpu_has_its_share_of_a_core_as_quota():
    with emulation.vcpus(8) as made:
        for vcpu in range(8):
            quota, period = (
                int((made.group(vcpu) / f"cpu.cfs_{name}_us").read_text())
                for name in ("quota", "period")
            )
            assert quota / period == 0.125
        assert int((made.folder / "others" / "cpu.cfs_quota_us").read_text()) == -1


@needs_groups
def test_the_computing_of_emulated_functions_is_booked_on_their_vcpus(tmp_path):
    X = np.random.default_rng(0).random((200_000, 16), dtype=np.float32)
    np.save(tmp_path / "X.npy", X)
    with valkey() as port, emulation.vcpus(2) as made:
        launcher = EmulatedFunctions(
            made, n_workers=1, size=2, n_threads=2, state=f"redis://127.0.0.1:{port}"
        )
        model = burly.KMeans(200, init=X[:200], max_iter=2, tol=0.0, launcher=launcher)
        run = model.fit(burly.Dataset(tmp_path / "X.npy")).run_
        counted = [throttled(made.group(vcpu)) for vcpu in range(2)]
    assert run.launcher == "emulated"
    assert all(n_throttled > 0 for n_throttled in counted), (os.cpu_count(), counted)


def throttled(group: Path) -> int:
    """Return how often a group had used its share of a period up."""
    figures = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    return int(figures["nr_throttled"])
