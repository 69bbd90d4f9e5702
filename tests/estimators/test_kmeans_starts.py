"""What k-means starts from: init, n_init and random_state, for arrays and for stored data."""

import numpy as np
import pytest

from burly import Dataset, InProcess, KMeans
from burly.exceptions import ConfigurationError


def points(n=20_000):
    rng = np.random.default_rng(0)
    return (rng.normal(size=(n, 4)) + rng.integers(0, 9, (n, 1)) * 3).astype(np.float32)


@pytest.fixture
def stored(tmp_path):
    np.save(tmp_path / "points.npy", points())
    return Dataset(tmp_path / "points.npy")


def first_two(X, n_clusters, random_state):
    return X[:2]


def bits(model):
    return model.cluster_centers_.tobytes(), model.inertia_, model.n_iter_


@pytest.mark.parametrize("init", ["auto", "k-means||", "random", "k-means++", "array"])
def test_stored_data_gives_the_same_model_as_an_array_for_every_init(stored, init):
    settings = {"init": points()[:7] if init == "array" else init, "random_state": 3}
    n_init = 1 if init == "array" else 2
    model = KMeans(7, n_init=n_init, launcher=InProcess(3), **settings).fit(stored)
    if init == "auto":
        settings["init"] = "k-means||"
    assert bits(model) == bits(KMeans(7, n_init=n_init, **settings).fit(points()))


def test_auto_goes_by_the_kind_of_source_and_the_run_says_which_it_was(stored):
    assert KMeans(3).fit(points()).run_.init == "k-means++"
    assert KMeans(3).fit(Dataset(points())).run_.init == "k-means++"
    assert KMeans(3).fit(stored).run_.init == "k-means||"
    assert KMeans(3, launcher=InProcess(2)).fit(points()).run_.init == "k-means++"


@pytest.mark.parametrize(("n_init", "calls"), [("auto", 10), (3, 3)])
def test_a_callable_is_called_once_a_start_with_the_data_and_one_random_state(n_init, calls):
    X, seen = points(500), []

    def init(given, n_clusters, random_state):
        assert np.array_equal(given, X)
        assert isinstance(random_state, np.random.RandomState)
        seen.append(given[random_state.choice(len(given), n_clusters, replace=False)])
        return seen[-1]

    model = KMeans(4, init=init, n_init=n_init, random_state=0).fit(X)
    assert len(seen) == calls
    assert len({start.tobytes() for start in seen}) == calls
    inertias = [KMeans(4, init=start).fit(X).inertia_ for start in seen]
    assert model.inertia_ == min(inertias)


def test_a_callable_is_refused_for_stored_data(stored):
    with pytest.raises(ConfigurationError, match="init is a callable"):
        KMeans(3, init=first_two).fit(stored)


def test_centres_of_another_shape_are_refused():
    for init in (points()[:3], first_two):
        with pytest.raises(ConfigurationError, match="shape of the initial centers"):
            KMeans(4, init=init).fit(points(100))


def test_given_centres_make_one_start_and_more_are_warned_about():
    X = points(500)
    with pytest.warns(RuntimeWarning, match="only one init"):
        model = KMeans(4, init=X[:4], n_init=5).fit(X)
    assert bits(model) == bits(KMeans(4, init=X[:4]).fit(X))


def test_more_starts_are_never_worse():
    X = points(2000)
    inertias = [
        KMeans(9, init="random", n_init=n, random_state=1).fit(X).inertia_ for n in (1, 4, 10)
    ]
    assert inertias == sorted(inertias, reverse=True)
    assert KMeans(9, init="random", random_state=1).fit(X).inertia_ == inertias[-1]


def test_a_seed_gives_the_same_model_again_whatever_its_type():
    X = points(2000)
    models = [KMeans(6, random_state=seed).fit(X) for seed in (7, np.int64(7), np.uint8(7))]
    assert len({bits(model) for model in models}) == 1
    assert models[0].run_.seed == 7


def test_without_a_seed_every_fit_has_another_and_the_run_says_which():
    X = points(2000)
    one, other = KMeans(6).fit(X), KMeans(6).fit(X)
    assert one.run_.seed != other.run_.seed
    assert bits(KMeans(6, random_state=one.run_.seed).fit(X)) == bits(one)


def test_a_random_state_goes_on_from_fit_to_fit():
    X = points(2000)
    model = KMeans(6, random_state=np.random.RandomState(5))
    first = bits(model.fit(X)), model.run_.seed
    second = bits(model.fit(X)), model.run_.seed
    assert first[1] != second[1]
    again = KMeans(6, random_state=np.random.RandomState(5)).fit(X)
    assert (bits(again), again.run_.seed) == first


@pytest.mark.parametrize("wrong", [-1, 2**32, 1.5, "0", np.random.default_rng(0)])
def test_a_random_state_that_scikit_learn_refuses_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="random_state"):
        KMeans(3, random_state=wrong).fit(points(100))


@pytest.mark.parametrize(
    "init", [None, 5, np.full((3, 2), np.nan), [["a", "b"]], lambda *_, **__: None]
)
def test_starts_that_are_no_centers_are_refused(init):
    with pytest.raises(ConfigurationError, match="init must be one of auto, k-means"):
        KMeans(3, init=init).fit(points())
