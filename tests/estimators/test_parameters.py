"""What scikit-learn's parameters may be, and what they mean."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression

from burly import KMeans, LogisticRegression
from burly.exceptions import ConfigurationError, DataError

rng = np.random.default_rng(5)
X = rng.normal(size=(300, 4))
Y = (X[:, 0] + rng.normal(size=300) > 0).astype(int)
OBJECTS = np.array(["no", "yes"], dtype=object)[Y]

REFUSED = [
    {"C": 0},
    {"C": "1"},
    {"C": np.nan},
    {"l1_ratio": 1.5},
    {"penalty": "none"},
    {"dual": 1},
    {"dual": True},
    {"dual": True, "solver": "saga"},
    {"dual": True, "solver": "liblinear", "l1_ratio": 1.0},
    {"fit_intercept": "yes"},
    {"fit_intercept": None},
    {"warm_start": 1},
    {"tol": -1},
    {"tol": np.inf},
    {"max_iter": 1.5},
    {"intercept_scaling": np.inf},
    {"random_state": "a"},
    {"random_state": -1},
    {"verbose": -1},
    {"verbose": "a"},
    {"n_jobs": "a"},
    {"solver": ["lbfgs"]},
    {"class_weight": [1, 2]},
    {"class_weight": {7: 2}},
    {"class_weight": {0: 1, 7: 3}},
]


@pytest.mark.parametrize("params", REFUSED, ids=str)
def test_what_scikit_learn_refuses_is_refused(params):
    with pytest.raises(ValueError, match=r"must be|not in class_weight|dual="):
        SklearnLogisticRegression(**params).fit(X, Y)
    with pytest.raises(ConfigurationError):
        LogisticRegression(**params).fit(X, Y)


@pytest.mark.parametrize("weight", [-1, np.inf, np.nan, "a"])
def test_classes_weigh_something_finite(weight):
    with pytest.raises(ConfigurationError, match="weight of class 0"):
        LogisticRegression(class_weight={0: weight}).fit(X, Y)


@pytest.mark.parametrize("estimator", [KMeans(2), LogisticRegression()])
def test_threads_are_counted_in_any_integer_but_not_in_truths(estimator):
    estimator.set_params(n_threads=np.int64(2)).fit(X, Y)
    for wrong in (True, 0, 1.5, "2"):
        with pytest.raises(ConfigurationError, match="n_threads must be a whole number from 1"):
            estimator.set_params(n_threads=wrong).fit(X, Y)


@pytest.mark.parametrize("name", ["n_clusters", "max_iter", "n_init"])
def test_truths_are_no_counts(name):
    with pytest.raises(ConfigurationError, match=name):
        KMeans(**{name: True}).fit(X)


def test_rates_are_positive():
    with pytest.raises(ConfigurationError, match="learning_rate"):
        LogisticRegression(solver="gd", learning_rate=0.0).fit(X, Y)


def test_weights_of_objects_name_their_classes():
    with pytest.raises(ConfigurationError, match=r"'maybe', which is no class .* 'yes'"):
        LogisticRegression(class_weight={"no": 2, "maybe": 3}).fit(X, OBJECTS)


@pytest.mark.parametrize("class_weight", [{0: 2.0}, {0: 2.0, 1: 0.5, 7: 3.0}, {}])
def test_class_weights_are_those_of_scikit_learn(class_weight):
    params = {"class_weight": class_weight, "tol": 1e-8}
    theirs = SklearnLogisticRegression(**params).fit(X, Y)
    ours = LogisticRegression(**params).fit(X, Y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-5)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"penalty": "l2", "l1_ratio": 0.5}, "0.5 has no effect"),
        ({"penalty": None, "C": 2.0}, "C=2.0 has no effect"),
    ],
)
def test_parameters_that_contradict_each_other_warn(params, message):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        LogisticRegression(**params).fit(X, Y)
    assert any(message in str(warning.message) for warning in caught)
    assert {warning.filename for warning in caught} == {__file__}


def test_liblinear_has_two_classes():
    with pytest.raises(DataError, match="Only binary classification"):
        LogisticRegression(solver="liblinear").fit(X, np.arange(300) % 3)


def test_liblinear_may_be_asked_for_the_dual_form():
    params = {"solver": "liblinear", "tol": 1e-8}
    dual = LogisticRegression(dual=True, **params).fit(X, Y)
    np.testing.assert_array_equal(dual.coef_, LogisticRegression(**params).fit(X, Y).coef_)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("applied_to", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("fitted_to", [np.float32, np.float64])
def test_what_is_applied_has_the_type_that_scikit_learn_gives_it(n_classes, applied_to, fitted_to):
    y, rows = np.arange(300) % n_classes, X.astype(applied_to)
    theirs = SklearnLogisticRegression().fit(X.astype(fitted_to), y)
    ours = LogisticRegression().fit(X.astype(fitted_to), y)
    for method in ("decision_function", "predict_proba", "predict_log_proba"):
        assert getattr(ours, method)(rows).dtype == getattr(theirs, method)(rows).dtype


def test_a_warm_start_without_an_intercept_has_none():
    model = LogisticRegression(warm_start=True, tol=1e-8).fit(X, Y)
    model.set_params(fit_intercept=False).fit(X, Y)
    fresh = LogisticRegression(fit_intercept=False, tol=1e-8).fit(X, Y)
    assert model.intercept_.tolist() == [0.0]
    np.testing.assert_allclose(model.coef_, fresh.coef_, rtol=1e-5)


def test_a_warm_start_is_from_numbers():
    model = LogisticRegression(warm_start=True).fit(X, Y)
    model.coef_ = model.coef_ * np.nan
    with pytest.raises(ConfigurationError, match="not finite"):
        model.fit(X, Y)


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "gd"])
@pytest.mark.parametrize(("size", "weight"), [(1e160, 1), (1e-300, 1), (1, 1e-307), (1, 5e-324)])
def test_sizes_that_no_sum_can_hold_end_with_an_error(solver, size, weight):
    with np.errstate(all="ignore"), pytest.raises(DataError, match="summed"):
        LogisticRegression(solver=solver).fit(X * size, Y, np.full(300, weight))
