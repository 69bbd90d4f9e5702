"""Fitted models as scikit-learn's own: they do whatever theirs do."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression

from burly import KMeans, LogisticRegression

rng = np.random.default_rng(0)
NAMES = ["x", "y", "z"]
FRAME = pd.DataFrame(
    rng.normal(size=(300, 3)) + np.arange(300)[:, np.newaxis] % 3 * 6, columns=NAMES
)
CLASSES = np.array(["a", "b", "c"])[np.arange(300) % 3]
SETTINGS = {
    "init": "random",
    "n_init": 3,
    "max_iter": 50,
    "tol": 1e-3,
    "random_state": 7,
    "copy_x": False,
    "algorithm": "elkan",
}


@pytest.fixture
def clusters():
    return KMeans(3, **SETTINGS).fit(FRAME)


def test_clusters_keep_their_parameters(clusters):
    assert clusters.to_sklearn().get_params() == SklearnKMeans(3, **SETTINGS).get_params()


@pytest.mark.parametrize(
    ("ours", "theirs"), [("auto", "k-means++"), ("k-means||", "k-means++"), ("random", "random")]
)
def test_a_start_by_name_is_one_that_scikit_learn_has(ours, theirs):
    assert KMeans(3, init=ours).fit(FRAME).to_sklearn().init == theirs


def test_given_centres_are_kept():
    start = FRAME[:3].to_numpy()
    theirs = KMeans(3, init=start).fit(FRAME).to_sklearn()
    np.testing.assert_array_equal(theirs.init, start)
    assert theirs.fit(FRAME).cluster_centers_.shape == (3, 3)


def test_clusters_have_all_that_a_fit_learns(clusters):
    theirs, own = clusters.to_sklearn(), clone(clusters.to_sklearn()).fit(FRAME)
    assert set(vars(own)) - set(vars(theirs)) <= {
        "_tol",
        "_n_init",
        "_algorithm",
    }  # of the fit alone
    for name in ("cluster_centers_", "labels_", "feature_names_in_"):
        np.testing.assert_array_equal(getattr(theirs, name), getattr(clusters, name))
    assert (theirs.inertia_, theirs.n_iter_) == (clusters.inertia_, clusters.n_iter_)
    np.testing.assert_array_equal(theirs.predict(FRAME), clusters.labels_)
    np.testing.assert_allclose(theirs.transform(FRAME), clusters.transform(FRAME), rtol=1e-9)
    assert theirs.score(FRAME) == pytest.approx(-clusters.inertia_)


def test_clusters_name_their_outputs(clusters):
    theirs = clusters.to_sklearn()
    names = [f"kmeans{j}" for j in range(3)]
    assert theirs.get_feature_names_out().tolist() == names
    assert theirs.set_output(transform="pandas").transform(FRAME).columns.tolist() == names


def test_a_loaded_model_becomes_scikit_learns_too(clusters, tmp_path):
    clusters.save(tmp_path / "m.npz")
    theirs = KMeans.load(tmp_path / "m.npz").to_sklearn()
    np.testing.assert_array_equal(theirs.predict(FRAME), clusters.labels_)


def test_classes_have_all_that_a_fit_learns():
    ours = LogisticRegression(C=0.5, max_iter=70, random_state=3).fit(FRAME, CLASSES)
    theirs = ours.to_sklearn()
    expected = SklearnLogisticRegression(C=0.5, max_iter=70, random_state=3)
    assert theirs.get_params() == expected.get_params()
    assert set(vars(expected.fit(FRAME, CLASSES))) <= set(vars(theirs))
    np.testing.assert_array_equal(theirs.predict(FRAME), ours.predict(FRAME))
    for method in ("decision_function", "predict_proba", "predict_log_proba"):
        mine = getattr(ours, method)(FRAME)
        np.testing.assert_allclose(getattr(theirs, method)(FRAME), mine, rtol=1e-6, atol=1e-9)
    assert theirs.feature_names_in_.tolist() == NAMES


@pytest.mark.parametrize(
    ("settings", "solver"),
    [
        ({}, "lbfgs"),
        ({"solver": "gd"}, "lbfgs"),
        ({"l1_ratio": 0.5}, "saga"),
        ({"solver": "newton-cg"}, "newton-cg"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_solver_is_one_that_scikit_learn_has_and_can_fit_again(settings, solver):
    theirs = LogisticRegression(**settings).fit(FRAME, CLASSES).to_sklearn()
    assert theirs.solver == solver
    theirs.fit(FRAME, CLASSES)
