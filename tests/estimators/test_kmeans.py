"""K-means by its front door: the same bits for every layout, and scikit-learn's results."""

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.exceptions import ConvergenceWarning

from burly import Dataset, InProcess, KMeans, Lithops, LogisticRegression
from burly.exceptions import ConfigurationError, DataError, ModelFileError, NonFiniteError
from burly.model_files import ModelFile, read_model, write_model


def blobs(dtype=np.float32, n=30_000, d=6):
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(8, d)) * 4
    rows = rng.normal(size=(n, d)) + centers[rng.integers(0, 8, n)]
    return rows.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("tol", [0.0, 1e-4])
def test_from_the_same_start_the_result_is_that_of_scikit_learn(dtype, weighted, tol):
    X = blobs(dtype)
    weights = np.random.default_rng(1).integers(0, 3, len(X)).astype(float) if weighted else None
    ours = KMeans(8, init=X[:8], tol=tol).fit(X, sample_weight=weights)
    theirs = SklearnKMeans(8, init=X[:8], n_init=1, tol=tol).fit(X, sample_weight=weights)
    close = 1e-3 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, atol=close)
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-5)
    assert abs(ours.n_iter_ - theirs.n_iter_) <= (2 if dtype == np.float32 else 0)


def test_labels_are_what_predict_says_bit_for_bit():
    X = blobs()
    model = KMeans(12, random_state=0).fit(X)
    assert np.array_equal(model.labels_, model.predict(X))
    assert model.score(X) == pytest.approx(-model.inertia_, rel=1e-6)


def test_transform_gives_the_distance_to_each_centre():
    X = blobs(np.float64, n=500)
    model = KMeans(4, random_state=0).fit(X)
    expected = np.linalg.norm(X[:, np.newaxis] - model.cluster_centers_, axis=2)
    np.testing.assert_allclose(model.transform(X), expected, rtol=1e-9, atol=1e-9)


def test_a_saved_model_predicts_the_same(tmp_path):
    X = blobs()
    model = KMeans(5, init=X[:5], tol=1e-3, random_state=np.int64(0)).fit(X)
    model.save(tmp_path / "m.burly")
    loaded = KMeans.load(tmp_path / "m.burly")
    assert loaded.get_params() == KMeans(5, tol=1e-3, random_state=0).get_params()
    assert np.array_equal(loaded.predict(X), model.labels_)
    assert np.array_equal(model.to_sklearn().cluster_centers_, model.cluster_centers_)


def _text(path):
    path.write_bytes(b"nothing of ours")


def _array(path):
    with path.open("wb") as file:
        np.save(file, np.ones(3))


def _part(path):
    KMeans(2, random_state=0).fit(blobs(n=100)).save(path)
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize("write", [_text, _array, _part])
def test_a_file_that_is_no_model_is_refused(write, tmp_path):
    write(tmp_path / "m.burly")
    with pytest.raises(ModelFileError, match="not a model file") as refused:
        KMeans.load(tmp_path / "m.burly")
    assert "pickle" not in str(refused.value)


@pytest.mark.parametrize("estimator", [KMeans, LogisticRegression])
@pytest.mark.parametrize("lost", ["parameters", "feature_names", "arrays"])
def test_a_model_file_that_lacks_something_is_refused(estimator, lost, tmp_path):
    X = blobs(n=100)
    estimator().fit(X, np.arange(len(X)) % 2).save(tmp_path / "m.burly")
    whole = read_model(tmp_path / "m.burly")
    header = {name: value for name, value in whole.header.items() if name != lost}
    arrays = {} if lost == "arrays" else whole.arrays
    write_model(tmp_path / "m.burly", ModelFile(whole.kind, header, arrays))
    with pytest.raises(ModelFileError, match="not all of a model file"):
        estimator.load(tmp_path / "m.burly")


def test_distances_come_as_a_frame_where_asked():
    model = KMeans(3, random_state=0).fit(blobs(n=300)).set_output(transform="pandas")
    assert list(model.transform(blobs(n=300)).columns) == ["kmeans0", "kmeans1", "kmeans2"]


def test_nan_is_refused_with_its_column():
    X = blobs(n=1000)
    X[17, 2] = np.nan
    with pytest.raises(NonFiniteError, match="column 2"):
        KMeans(3, init=X[:3], random_state=0).fit(X)


def test_fewer_rows_than_clusters_are_refused():
    with pytest.raises(DataError, match="n_samples=3 should be >= n_clusters=4"):
        KMeans(4).fit(np.zeros((3, 2)))


@pytest.mark.parametrize("init", ["k-means++", "k-means||", "random"])
def test_rows_whose_squared_differences_vanish_are_told_as_duplicates(init):
    X = blobs(np.float64, n=300) * 1e-300
    model = KMeans(3, init=init, random_state=0)
    with pytest.warns(
        ConvergenceWarning, match=r"clusters \(1\).*or to differences whose squares un"
    ):
        model.fit(X)
    with pytest.warns(ConvergenceWarning, match=r"clusters \(1\)"):
        SklearnKMeans(3, random_state=0).fit(X)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("init", ["k-means++", "k-means||", "random"])
def test_squares_below_normal_numbers_are_no_trouble_and_those_that_overflow_are_refused(init):
    X = blobs(np.float64, n=300)
    model = KMeans(3, init=init, random_state=0)
    assert len(np.unique(model.fit(X * 1e-160).labels_)) == 3
    with pytest.raises(DataError, match="overflow float64: values are too large; scale the data"):
        model.fit(X * 1e160)


@pytest.mark.parametrize(
    "wrong",
    [{"n_clusters": 0}, {"tol": -1.0}, {"max_iter": 0}, {"init": "best"}, {"n_threads": 0}],
)
def test_a_parameter_that_cannot_work_is_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        KMeans(**wrong).fit(blobs(n=100))


@pytest.mark.parametrize("n_workers", [1, 3])
def test_labels_of_stored_data_are_written_once_and_never_over_others(tmp_path, n_workers):
    X = blobs()
    np.save(tmp_path / "points.npy", X)
    data, out = Dataset(tmp_path / "points.npy"), tmp_path / "labels"
    model = KMeans(4, random_state=0, launcher=InProcess(n_workers)).fit(data)
    model.predict(data, out=out)
    written = [path.name for path in out.iterdir()]
    assert written == ["part-00000000-00000004.parquet"]
    labels = parquet.read_table(out / written[0])["labels"].to_numpy()
    assert np.array_equal(labels, model.predict(X))
    with pytest.raises(ConfigurationError, match="already holds files"):
        model.predict(data, out=out)


@pytest.mark.parametrize("launcher", [None, Lithops(n_workers=2)])
def test_stored_data_leaves_no_labels_and_the_model_says_where_they_are(tmp_path, launcher):
    np.save(tmp_path / "points.npy", blobs(n=1000))
    data = Dataset(tmp_path / "points.npy")
    model = KMeans(4, random_state=0, launcher=launcher).fit(data)
    with pytest.raises(AttributeError, match=r"predict\(dataset, out="):
        _ = model.labels_
    for method in (model.fit_predict, model.fit_transform):
        with pytest.raises(ConfigurationError, match=r"fit\(dataset\)\..*\(dataset, out=\)"):
            method(data)


def test_a_path_is_no_data():
    with pytest.raises(ConfigurationError, match=r"pass Dataset\('points.csv'\)"):
        KMeans(2).fit("points.csv")


def test_a_dataset_of_a_frame_keeps_its_names():
    frame = pd.DataFrame(blobs(n=200, d=2), columns=["x", "y"])
    model = KMeans(2, random_state=0).fit(Dataset(frame))
    assert model.feature_names_in_.tolist() == ["x", "y"]
    more = frame.assign(name=["a"] * len(frame))[["name", "y", "x"]]
    np.testing.assert_array_equal(model.predict(Dataset(more)), model.labels_)
