import numpy as np
import pytest

import breakdown
import end_to_end
import results


def test_synchronisation_is_all_of_a_round_but_computing():
    row = {"compute_s": 6.0, "contribute_s": 1.0, "wait_s": 2.0, "update_s": 0.5, "receive_s": 0.5}
    assert breakdown.share(row) == pytest.approx(0.4)


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
