import numpy as np
import pytest

import breakdown
import end_to_end
import few_or_many
import intra_function
import results
import training
from burly.events import RoundDone
from burly.report.run import Run


def test_synchronisation_is_all_of_a_round_but_computing():
    row = {"compute_s": 6.0, "contribute_s": 1.0, "wait_s": 2.0, "update_s": 0.5, "receive_s": 0.5}
    assert breakdown.share({**row, "locks_s": ""}) == pytest.approx(0.4)
    assert breakdown.share({**row, "locks_s": 2.0}) == pytest.approx(0.5)


def finished(round_: int, rank: int, compute_s: float, *, last: bool) -> RoundDone:
    return RoundDone(
        at=0.0,
        rank=rank,
        attempt=0,
        round=round_,
        phase="lloyd",
        compute_s=compute_s,
        contribute_s=0.0,
        wait_s=0.0 if last else 1.0,
        update_s=0.1 if last else 0.0,
        receive_s=0.0,
        bytes_sent=0,
        bytes_received=0,
        commands=2,
    )


def test_whoever_comes_last_twice_saves_a_trip():
    lasts = [0, 0, 1, 1, 1]
    run = Run(
        events=[
            finished(number + 1, rank, 2.0 if rank == last else 1.0, last=rank == last)
            for number, last in enumerate(lasts)
            for rank in (0, 1)
        ]
    )
    # Each round's contribution, one state handed over, and the last one, which all wait for.
    assert few_or_many.critical_path(run) == (10.0, 5 + 1 + 1)


def test_the_compute_of_a_round_is_that_of_its_slowest_worker():
    events = [finished(1, 0, 0.05, last=False), finished(1, 1, 0.07, last=True)]
    assert training.compute_ms(Run(events=events)) == pytest.approx([70.0])


def test_cases_are_summarised_by_the_median_of_their_repeats():
    rows = [
        {"name": name, "repeat": repeat, "seconds": seconds + shift, "note": "x"}
        for name, shift in (("a", 0.0), ("b", 10.0))
        for repeat, seconds in enumerate((3.0, 1.0, 2.5))
    ]
    first, second = results.summarised(rows, ["name"])
    assert (first["name"], first["seconds"], first["repeats"]) == ("a", 2.5, 3)
    assert (first["least_seconds"], first["most_seconds"]) == (1.0, 3.0)
    assert second["seconds"] == 12.5
    assert "note" not in first
    assert "repeat" not in first


def test_what_all_threads_save_is_by_the_medians():
    rows = [
        {"algorithm": "k", "vcpus": 4, "n_workers": 2, "n_threads": n, "seconds": seconds}
        for n, seconds in ((1, 8.0), (1, 9.0), (1, 8.0), (4, 2.0), (4, 2.5), (4, 1.0))
    ]
    one, four = intra_function.improved(rows)
    assert (one["improvement"], four["improvement"]) == pytest.approx((0.0, 0.75))


def test_inertia_is_the_sum_of_squared_distances_to_the_nearest_centre():
    X = np.array([[0.0, 0.0], [0.0, 1.0], [4.0, 0.0]])
    centres = np.array([[0.0, 0.5], [4.0, 2.0]])
    assert end_to_end.inertia(centres, X, np.empty(0)) == pytest.approx(0.25 + 0.25 + 4.0)


def test_a_model_that_knows_nothing_loses_the_logarithm_of_two():
    X, y = np.ones((3, 2)), np.array([0, 1, 1])
    assert end_to_end.mean_loss(np.zeros(3), X, y) == pytest.approx(np.log(2))
    assert end_to_end.mean_loss(np.array([1.0, 0, 0]), X, y) == pytest.approx(
        (np.log1p(np.e) + 2 * np.log1p(np.exp(-1))) / 3
    )


def test_results_come_back_as_they_were_written(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    results.write("made", [{"name": "a", "n": 3, "x": 0.25}, {"name": "b", "n": 4, "y": 1e-9}])
    first, second = results.read("made")
    assert (first["name"], first["n"], first["x"], first["y"]) == ("a", 3, 0.25, "")
    assert (second["n"], second["y"]) == (4, 1e-9)
    assert first["machine"] == results.machine()
    assert len(first["date"]) == len("2026-01-01")
