"""Runs that no estimator keeps."""

import numpy as np
import pytest

import burly
from burly.exceptions import DataError

X = np.array([[0.0, 1], [1, 0], [9, 9], [9, 8]])


def test_runs_are_kept_in_their_order_whatever_started_them() -> None:
    with burly.recording() as runs:
        model = burly.KMeans(2, random_state=0).fit(X)
        model.predict(X)
        model.transform(X)
        model.score(X)
    assert [run.task for run in runs] == [
        f"KMeans.{method}" for method in ("fit", "predict", "transform", "score")
    ]
    assert runs[0] is model.run_
    assert all(run.elapsed_s > 0 for run in runs)


def test_applying_a_model_leaves_its_run_alone() -> None:
    model = burly.KMeans(2, random_state=0).fit(X)
    before = dict(vars(model))
    model.predict(X)
    assert vars(model) == before
    assert model.run_.task == "KMeans.fit"


def test_a_run_that_fails_is_kept() -> None:
    with burly.recording() as runs, pytest.raises(DataError):
        burly.KMeans(2).fit(np.array([[np.nan], [1.0], [2.0]]))
    assert [run.task for run in runs] == ["KMeans.fit"]
    assert "NonFiniteError" in runs[0].error


def test_recordings_nest_and_end() -> None:
    with burly.recording() as outer:
        with burly.recording() as inner:
            model = burly.KMeans(2, random_state=0).fit(X)
        model.predict(X)
    model.predict(X)
    assert (len(inner), len(outer)) == (1, 2)
