"""What counts as a core of ours."""

import os
from pathlib import Path

import pytest

from burly import vcpus

MOUNT_V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw,nsdelegate\n"
MOUNT_V1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"


@pytest.fixture(autouse=True)
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vcpus, "_affinity", lambda: 64)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_without_limits_the_affinity_mask_counts(tmp_path: Path) -> None:
    assert vcpus.quota(root=tmp_path, environ={}) == 64


def test_the_mask_of_this_process_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no affinity masks here")
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert vcpus.granted(environ={}) == 1
    finally:
        os.sched_setaffinity(0, before)


def test_a_quota_of_cgroup_v2_counts(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/mountinfo": MOUNT_V2,
            "proc/self/cgroup": "0::/app\n",
            "sys/fs/cgroup/app/cpu.max": "250000 100000\n",
        },
    )
    assert vcpus.quota(root=tmp_path, environ={}) == 2.5


def test_no_quota_of_cgroup_v2_is_no_limit(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/mountinfo": MOUNT_V2,
            "proc/self/cgroup": "0::/app\n",
            "sys/fs/cgroup/app/cpu.max": "max 100000\n",
        },
    )
    assert vcpus.quota(root=tmp_path, environ={}) == 64


def test_the_tightest_group_on_the_way_to_the_root_counts(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/mountinfo": MOUNT_V2,
            "proc/self/cgroup": "0::/slice/pod/app\n",
            "sys/fs/cgroup/slice/pod/app/cpu.max": "800000 100000\n",
            "sys/fs/cgroup/slice/cpu.max": "300000 100000\n",
        },
    )
    assert vcpus.quota(root=tmp_path, environ={}) == 3


def test_a_container_that_sees_its_group_as_the_root_is_read_there(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/mountinfo": MOUNT_V2.replace("0:26 / ", "0:26 /docker/0a1b "),
            "proc/self/cgroup": "0::/docker/0a1b\n",
            "sys/fs/cgroup/cpu.max": "100000 100000\n",
        },
    )
    assert vcpus.quota(root=tmp_path, environ={}) == 1


def test_a_quota_of_cgroup_v1_counts(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/mountinfo": MOUNT_V1,
            "proc/self/cgroup": "4:memory:/elsewhere\n2:cpu,cpuacct:/app\n0::/\n",
            "sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us": "100000\n",
        },
    )
    assert vcpus.quota(root=tmp_path, environ={}) == 1.5


def test_a_quota_of_minus_one_in_cgroup_v1_is_no_limit(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/mountinfo": MOUNT_V1,
            "proc/self/cgroup": "2:cpu,cpuacct:/app\n",
            "sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us": "100000\n",
        },
    )
    assert vcpus.quota(root=tmp_path, environ={}) == 64


@pytest.mark.parametrize(
    ("memory_mb", "n_threads"), [(128, 1), (1769, 1), (3008, 2), (5307, 3), (10240, 6)]
)
def test_lambda_grants_cores_by_memory(tmp_path: Path, memory_mb: int, n_threads: int) -> None:
    environ = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb)}
    assert vcpus.granted(root=tmp_path, environ=environ) == n_threads


def test_a_process_keeps_to_omp_num_threads(tmp_path: Path) -> None:
    assert vcpus.available(root=tmp_path, environ={"OMP_NUM_THREADS": "3"}) == 3


def test_nested_omp_num_threads_give_their_outer_level(tmp_path: Path) -> None:
    assert vcpus.available(root=tmp_path, environ={"OMP_NUM_THREADS": "4,2"}) == 4


@pytest.mark.parametrize("value", ["", "many", "0", "-2"])
def test_an_omp_num_threads_that_says_nothing_is_ignored(tmp_path: Path, value: str) -> None:
    assert vcpus.available(root=tmp_path, environ={"OMP_NUM_THREADS": value}) == 64


def test_omp_num_threads_grants_no_cores(tmp_path: Path) -> None:
    environ = {"OMP_NUM_THREADS": "8", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"}
    assert vcpus.available(root=tmp_path, environ=environ) == 1
