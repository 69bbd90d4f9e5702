import os

import pytest

import emulation


def test_a_vcpu_never_gets_more_than_a_fifth_of_a_core():
    assert [emulation.share_of(n) for n in (1, 8, 9, 16)] == [0.125, 0.125, 0.1, 0.1]
    assert max(emulation.SHARES.values()) <= 0.2


def test_vcpus_that_do_not_fit_are_refused():
    with pytest.raises(emulation.EmulationError, match="17 vCPUs do not fit"):
        emulation.share_of(17)


def test_each_worker_has_vcpus_of_its_own(tmp_path):
    made = emulation.Vcpus(tmp_path, 8, 0.125)
    groups = [group for rank in range(4) for group in made.of_worker(rank, 2)]
    assert [group.name for group in groups] == [f"vcpu{i}" for i in range(8)]


def test_without_control_groups_of_version_1_it_says_so_and_stops(tmp_path, monkeypatch):
    monkeypatch.setattr(emulation, "ROOT", tmp_path)
    with pytest.raises(emulation.EmulationError, match="no cgroup v1"), emulation.vcpus(1):
        pass


def test_control_groups_of_version_2_are_named(tmp_path, monkeypatch):
    newer = tmp_path / "cgroup.controllers"
    newer.touch()
    monkeypatch.setattr(emulation, "ROOT", tmp_path)
    monkeypatch.setattr(emulation, "SECOND_VERSION", newer)
    with pytest.raises(SystemExit, match="cgroup v2, for which the emulation is not written"):
        emulation._require_groups()


def test_control_groups_that_are_not_ours_to_make_are_said_so(tmp_path, monkeypatch):
    (tmp_path / "cgroup.procs").touch()
    monkeypatch.setattr(emulation, "ROOT", tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(emulation.EmulationError, match="not writable: run the experiments as root"):
        emulation._require_groups()


def test_each_thread_enters_a_group_of_its_own(tmp_path):
    groups = [tmp_path / "vcpu0", tmp_path / "vcpu1"]
    for group in groups:
        group.mkdir()
    emulation.enter_all(groups, [11, 12])
    assert [(group / "tasks").read_text() for group in groups] == ["11", "12"]


def test_shares_that_are_off_stop_an_experiment(tmp_path, monkeypatch):
    made = emulation.Vcpus(tmp_path, 2, 0.125)
    monkeypatch.setattr(emulation, "measure_shares", lambda groups: [0.125, 0.13][: len(groups)])
    alone, together = emulation.check(made)
    assert (alone.asked, alone.least, alone.most) == (0.125, 0.125, 0.125)
    assert (together.asked, together.least, together.most) == (0.125, 0.125, 0.13)
    monkeypatch.setattr(emulation, "measure_shares", lambda groups: [0.1] * len(groups))
    with pytest.raises(emulation.EmulationError, match=r"should be 0\.125 and is 0\.100"):
        emulation.check(made)
