"""Logistic regression against scikit-learn's, and against itself on other layouts."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet
from sklearn.datasets import dump_svmlight_file
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression

from burly import Dataset, InProcess, Lithops, LogisticRegression
from burly.algorithms.logistic.auto import SERVED_BY
from burly.exceptions import ConfigurationError, DataError, NonFiniteError, SchemaError

SOLVERS = ("newton", "lbfgs", "gd")


def make(n=3000, d=8, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    if n_classes == 2:
        y = (X @ rng.standard_normal(d) + rng.logistic(size=n) > 0.5).astype(int)
    else:
        y = np.argmax(X[:, :n_classes] + rng.gumbel(size=(n, n_classes)), axis=1)
    return X, y


def agree(X, y, weight=None, ours="auto", solver="newton-cholesky", **params):
    ours = LogisticRegression(tol=1e-8, solver=ours, **params).fit(X, y, weight)
    theirs = SklearnLogisticRegression(tol=1e-9, solver=solver, max_iter=50_000, **params)
    theirs.fit(X, y, weight)
    scale = X.std(axis=0)
    gap = np.max(scale * np.abs(ours.coef_ - theirs.coef_))
    assert gap <= 1e-5 * np.max(scale * np.abs(theirs.coef_))
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("ours", ["newton", "lbfgs"])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"C": 0.01},
        {"C": np.inf},
        {"fit_intercept": False},
        {"class_weight": "balanced"},
        {"class_weight": {1: 3.0}},
    ],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_optimum_is_that_of_scikit_learn(params, n_classes, ours):
    agree(*make(n_classes=n_classes), ours=ours, **params)


@pytest.mark.parametrize("ours", ["newton", "lbfgs"])
@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
def test_the_l1_optimum_is_that_of_scikit_learn(l1_ratio, ours):
    agree(*make(), ours=ours, solver="saga", C=0.02, l1_ratio=l1_ratio)


def test_samples_lead_to_the_same_optimum():
    agree(*make(n=60_000, d=20))


def test_sample_weights_count_as_in_scikit_learn():
    X, y = make()
    agree(X, y, np.random.default_rng(1).random(len(X)))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_layout_changes_no_bit(n_classes):
    X, y = make(n=40_000, d=6, n_classes=n_classes)
    models = [
        LogisticRegression(n_threads=n_threads, launcher=InProcess(n_workers=n_workers)).fit(X, y)
        for n_workers, n_threads in [(1, 1), (1, 2), (2, 1), (3, 2)]
    ]
    digests = {(m.coef_.tobytes(), m.intercept_.tobytes()) for m in models}
    assert len(digests) == 1


@pytest.mark.parametrize("solver", SOLVERS)
def test_functions_give_the_bits_of_this_process(solver):
    X, y = make(n=20_000, d=6, n_classes=3)
    params = {"solver": solver, "learning_rate": 1e-4, "max_iter": 10, "n_threads": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        here = LogisticRegression(**params).fit(X, y)
        there = LogisticRegression(**params, launcher=Lithops(n_workers=2)).fit(X, y)
    assert there.coef_.tobytes() == here.coef_.tobytes()
    assert there.intercept_.tobytes() == here.intercept_.tobytes()
    assert there.run_.n_rounds == here.run_.n_rounds


def test_labels_may_be_text():
    X, y = make()
    model = LogisticRegression().fit(X, np.array(["no", "yes"])[y])
    assert model.classes_.tolist() == ["no", "yes"]
    assert set(model.predict(X)) == {"no", "yes"}


def test_a_single_class_is_refused():
    X, _ = make()
    with pytest.raises(DataError, match="at least 2 classes"):
        LogisticRegression().fit(X, np.zeros(len(X), dtype=int))


@pytest.mark.parametrize("solver", SOLVERS)
def test_not_a_number_names_its_column(solver):
    X, y = make()
    X[7, 3] = np.nan
    with pytest.raises(NonFiniteError, match="column 3"):
        LogisticRegression(solver=solver).fit(X, y)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_a_constant_column_disturbs_nothing(solver):
    X, y = make()
    wide = np.column_stack([X, np.full(len(X), 5.0)])
    model = LogisticRegression(solver=solver, tol=1e-8).fit(wide, y)
    assert abs(model.coef_[0, -1]) < 1e-6
    alone = LogisticRegression(solver=solver, tol=1e-8).fit(X, y)
    np.testing.assert_allclose(model.coef_[0, :-1], alone.coef_[0], atol=1e-6)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_separable_data_without_penalty_ends(solver):
    X, _ = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=np.inf, solver=solver).fit(X, X[:, 0] > 0)
    assert model.score(X, X[:, 0] > 0) > 0.99
    assert np.all(np.isfinite(model.coef_))


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_margins_of_ten_thousand_do_not_overflow(solver):
    X, y = make()
    X[:, 0] *= 1e4
    start = LogisticRegression(solver=solver, tol=1e-8, warm_start=True).fit(X, y)
    start.coef_[0, 0] = 1.0
    assert np.max(np.abs(start.decision_function(X))) > 1e4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = start.fit(X, y)
    fresh = LogisticRegression(solver=solver, tol=1e-8).fit(X, y)
    np.testing.assert_allclose(again.coef_ * X.std(0), fresh.coef_ * X.std(0), atol=1e-5)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_warm_start_ends_at_the_same_optimum(solver, n_classes):
    X, y = make(n_classes=n_classes)
    model = LogisticRegression(solver=solver, tol=1e-9, warm_start=True).fit(X[:2000], y[:2000])
    again = model.fit(X, y)
    fresh = LogisticRegression(solver=solver, tol=1e-9).fit(X, y)
    np.testing.assert_allclose(again.coef_, fresh.coef_, atol=1e-6)


def test_a_warm_start_from_other_data_is_refused():
    X, y = make()
    model = LogisticRegression(warm_start=True).fit(X, y)
    with pytest.raises(ConfigurationError, match="coefficients a class, but the data has"):
        model.fit(X[:, :-1], y)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_warm_start_from_another_number_of_classes_is_refused(solver):
    X, y = make()
    model = LogisticRegression(solver=solver, learning_rate=1e-4, warm_start=True).fit(X, y)
    with pytest.raises(ConfigurationError, match="another number of classes"):
        model.fit(X, np.arange(len(y)) % 3)


def test_a_warm_start_numbers_the_columns_as_before(tmp_path):
    X, y = make()
    whole, later = tmp_path / "whole.svm", tmp_path / "later.svm"
    dump_svmlight_file(X, y, str(whole), zero_based=True)
    # Its lines name neither the first column nor the last: alone, it would have fewer.
    inner = X.copy()
    inner[:, [0, -1]] = 0.0
    dump_svmlight_file(inner, y, str(later), zero_based=True)
    model = LogisticRegression(warm_start=True, tol=1e-6).fit(Dataset(whole))
    model.fit(Dataset(later))
    fresh = LogisticRegression(tol=1e-6).fit(inner, y)
    assert model.n_features_in_ == X.shape[1]
    np.testing.assert_allclose(model.coef_, fresh.coef_, atol=1e-4)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_steps_are_not_more_than_max_iter(solver):
    X, y = make()
    with pytest.warns(ConvergenceWarning, match="did not reach tol"):
        model = LogisticRegression(solver=solver, max_iter=1, tol=1e-12).fit(X, y)
    assert model.n_iter_.tolist() == [1]


def test_a_penalised_intercept_is_that_of_liblinear():
    X, y = make()
    agree(X, y, ours="liblinear", solver="liblinear", C=0.01, intercept_scaling=2.0)


def test_an_intercept_with_an_l1_term_is_that_of_liblinear():
    X, y = make()
    params = {"C": 0.02, "l1_ratio": 1.0, "intercept_scaling": 2.0}
    agree(X, y, ours="liblinear", solver="liblinear", **params)


@pytest.mark.parametrize("ours", list(SERVED_BY))
def test_every_name_is_served_and_the_run_says_by_what(ours):
    X, y = make(n=500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(solver=ours).fit(X, y)
    assert model.run_.settings["solver_chosen"] in ("newton", "lbfgs", "gd")
    assert f"solver {model.run_.settings['solver_chosen']}" in str(model.run_)


def test_an_unknown_solver_is_refused():
    X, y = make(n=500)
    with pytest.raises(ConfigurationError, match="solver must be one of auto, newton"):
        LogisticRegression(solver="simplex").fit(X, y)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize("large", [1e12, 1e14, 2.0**60])
def test_a_gradient_that_sums_cannot_tell_from_none_is_no_end(solver, large):
    X, y = np.array([[large, 1.0], [1.0, 2.0]]), [0, 1]
    with pytest.warns(ConvergenceWarning, match="did not reach tol"):
        model = LogisticRegression(solver=solver).fit(X, y)
    assert model.predict(X).tolist() == y


def test_a_saved_model_is_the_same(tmp_path):
    X, y = make()
    parameters = {"C": np.inf, "class_weight": {np.int64(0): 2, 1: 0.5}, "fit_intercept": False}
    model = LogisticRegression(**parameters, launcher=InProcess()).fit(X, y)
    model.save(tmp_path / "model.npz")
    loaded = LogisticRegression.load(tmp_path / "model.npz")
    assert loaded.get_params() == LogisticRegression(**parameters).get_params()
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(model.to_sklearn().predict(X), model.predict(X))


def test_score_wants_labels_and_says_what_stored_data_can_do(tmp_path):
    X, y = make(n=200)
    np.save(tmp_path / "rows.npy", np.column_stack([X, y]))
    rows = Dataset(tmp_path / "rows.npy", label=X.shape[1])
    model = LogisticRegression().fit(rows)
    assert model.score(X, y) == np.mean(model.predict(X) == y)
    with pytest.raises(ConfigurationError, match=r"predict\(dataset, out=\)"):
        model.score(rows)


@pytest.fixture
def houses(tmp_path):
    """A file whose last column is a measurement and whose column before it is a class."""
    rng = np.random.default_rng(0)
    rooms, age = rng.normal(size=(2, 400))
    price = rooms - age + rng.normal(size=400)
    kind = np.where(price > 0.2, "dear", "cheap")
    frame = pd.DataFrame({"rooms": rooms, "age": age, "kind": kind, "price": price})
    frame.to_csv(tmp_path / "houses.csv", index=False)
    return tmp_path / "houses.csv"


@pytest.mark.parametrize("launcher", [None, Lithops(n_workers=2)])
def test_measurements_are_no_classes(houses, launcher):
    data = Dataset(houses, columns=["rooms"], label="price")
    with pytest.raises(
        DataError, match=r"Unknown label type: continuous.*'price' holds real numbers"
    ):
        LogisticRegression(launcher=launcher).fit(data)


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("launcher", [None, InProcess(n_workers=4)])
def test_more_labels_than_can_be_classes_name_their_column_and_what_to_do(
    tmp_path, launcher, as_text
):
    # No file alone has too many, and all together do.
    for number, rows in enumerate(np.split(np.arange(10_004), 4)):
        frame = pd.DataFrame({"x": rows % 7, "zip": [f"z{n}" for n in rows] if as_text else rows})
        frame.to_csv(tmp_path / f"{number}.csv", index=False)
    kind = "labels" if as_text else "numbers"
    message = (
        f"column 'zip' holds more than 10,000 different {kind}, .*name another column, or make"
    )
    with pytest.raises(DataError, match=message):
        LogisticRegression(launcher=launcher).fit(Dataset(tmp_path, label="zip"))


def test_measurements_in_memory_are_no_classes_either():
    X, y = make(n=100)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        LogisticRegression().fit(X, X[:, 0])
    with pytest.raises(DataError, match="Unknown label type: continuous"):
        LogisticRegression().fit(Dataset(X, label=0))
    LogisticRegression().fit(X, y.astype(float))


def test_a_model_takes_its_columns_by_name_and_names_what_it_writes(houses, tmp_path):
    rows = pd.read_csv(houses).astype({"rooms": np.float32, "age": np.float32})
    model = LogisticRegression().fit(Dataset(houses, columns=["age", "rooms"], label="kind"))
    rows.to_parquet(tmp_path / "more.parquet")
    for number, data in enumerate([Dataset(houses), Dataset(tmp_path / "more.parquet")]):
        model.predict(data, out=tmp_path / f"{number}")
        found = parquet.read_table(tmp_path / f"{number}").to_pandas()
        assert list(found.columns) == ["labels", "probability_cheap", "probability_dear"]
        likely = model.predict_proba(rows[["age", "rooms"]])
        np.testing.assert_array_equal(found["labels"], model.classes_[np.argmax(likely, axis=1)])
        np.testing.assert_array_equal(found.iloc[:, 1:], likely)
    np.testing.assert_array_equal(model.predict_proba(Dataset(rows)), likely)


@pytest.mark.parametrize(
    ("method", "columns"),
    [
        ("decision_function", ["margin"]),
        ("predict_proba", ["probability_cheap", "probability_dear"]),
        ("predict_log_proba", ["log_probability_cheap", "log_probability_dear"]),
    ],
)
def test_every_result_of_stored_data_can_be_written(houses, tmp_path, method, columns):
    model = LogisticRegression().fit(Dataset(houses, columns=["age", "rooms"], label="kind"))
    with pytest.raises(ConfigurationError, match=rf"{method} lets the workers write.*out="):
        getattr(model, method)(Dataset(houses))
    getattr(model, method)(Dataset(houses), out=tmp_path / "out")
    found = parquet.read_table(tmp_path / "out").to_pandas()
    assert list(found.columns) == columns
    rows = pd.read_csv(houses)[["age", "rooms"]].astype(np.float32)
    np.testing.assert_array_equal(found.to_numpy().squeeze(), getattr(model, method)(rows))


def test_a_missing_column_of_the_model_is_told_with_the_nearest(houses, tmp_path):
    model = LogisticRegression().fit(Dataset(houses, columns=["age", "rooms"], label="kind"))
    pd.read_csv(houses).rename(columns={"rooms": "room"}).to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(SchemaError, match=r"'rooms', which the model was fitted with.*'room'"):
        model.predict(Dataset(tmp_path / "x.csv"), out=tmp_path / "out")


def test_a_model_of_labels_as_objects_writes_them_as_text(houses, tmp_path):
    rows = pd.read_csv(houses).astype({"rooms": np.float32, "age": np.float32})
    model = LogisticRegression().fit(rows[["rooms", "age"]], rows["kind"].astype(object))
    assert model.classes_.dtype == object
    for number in range(3):  # files of their own, so that ranks share what is written
        rows[["rooms", "age"]].to_csv(tmp_path / f"rows-{number}.csv", index=False)
    model.launcher = InProcess(n_workers=2)
    model.predict(Dataset(tmp_path / "rows-*.csv"), out=tmp_path / "out")
    found = parquet.read_table(tmp_path / "out").column("labels").to_pylist()
    assert found == model.predict(rows[["rooms", "age"]]).tolist() * 3


def test_a_model_of_labels_of_mixed_types_says_that_they_cannot_be_written(houses, tmp_path):
    rows = pd.read_csv(houses).astype({"rooms": np.float32, "age": np.float32})[["rooms", "age"]]
    rows.to_csv(tmp_path / "rows.csv", index=False)
    model = LogisticRegression().fit(rows, np.arange(len(rows)) % 2)
    model.classes_ = np.array(["no", 2], dtype=object)
    with pytest.raises(ConfigurationError, match="mixed types cannot be written"):
        model.predict(Dataset(tmp_path / "rows.csv"), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_missing_labels_among_objects_are_refused(missing):
    y = np.array(["a", "b", missing, "b"], dtype=object)
    with pytest.raises(ConfigurationError, match="NaN or None"):
        LogisticRegression().fit(np.arange(8.0).reshape(4, 2), y)
