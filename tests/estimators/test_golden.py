"""Golden bits: what small fits came to, whatever computes them.

A change here is a change of results: raise `burly.states.NUMERICS_VERSION` with it.
"""

import hashlib

import numpy as np
import pytest
from tests.estimators.elsewhere import run_elsewhere

from burly import KMeans, LogisticRegression, kernels

GOLDEN = {
    "k-means++ float32": "3e1560a7c0ce8393",
    "k-means++ float64": "00f4695622076c3e",
    "k-means|| float32": "a5db2eba2fcf625d",
    "k-means|| float64": "0c865fb35f432be8",
    "random float32": "18cc213bb17db4e9",
    "random float64": "51407a72a0ae8f3e",
    "k-means++ unweighted float32": "02c334f9465e0bca",
    "k-means++ unweighted float64": "e78f843bbf15eb8e",
    "k-means|| unweighted float32": "c81e7d8dc3dd7268",
    "k-means|| unweighted float64": "95dfb090212fc2da",
    "random unweighted float32": "de1acb661ee5fc6a",
    "random unweighted float64": "d2768b3f14d028ca",
    "logistic float32": "2162ea4dbe09d92a",
    "logistic float64": "2e3c4f1d4ad78668",
    "logistic unweighted float32": "f1cc19b66408c1a8",
    "logistic unweighted float64": "8876e5c58d80d22c",
}


def rows(dtype):
    """Rows made of whole numbers alone, the same with every version of NumPy."""
    numbers = np.arange(20_000 * 7, dtype=np.uint64) * np.uint64(2654435761) % np.uint64(1 << 32)
    X = numbers.reshape(20_000, 7).astype(np.float64) / 2**32
    X[:, :3] += (np.arange(20_000) % 6)[:, np.newaxis] * 1.25
    return X.astype(dtype)


def digest(name, dtype):
    X = rows(dtype)
    kind, _, unweighted = name.partition(" ")
    weights = None if unweighted else 0.25 + np.arange(len(X)) % 5
    if kind == "logistic":
        model = LogisticRegression().fit(X, X[:, 0] + X[:, 6] > 4, sample_weight=weights)
        arrays = [model.coef_, model.intercept_]
    else:
        model = KMeans(6, init=kind, random_state=7).fit(X, sample_weight=weights)
        arrays = [model.cluster_centers_, model.labels_, np.array(model.inertia_)]
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()[:16]


def all_digests():
    kinds = ("k-means++", "k-means||", "random", "logistic")
    names = [kind + more for kind in kinds for more in ("", " unweighted")]
    return {f"{n} {d}": digest(n, d) for n in names for d in ("float32", "float64")}


@pytest.mark.parametrize("width", kernels.runnable())
def test_every_vector_width_gives_the_golden_bits(monkeypatch, width):
    monkeypatch.setenv("BURLY_KERNELS", width)
    kernels.native.cache_clear()
    assert all_digests() == GOLDEN


def test_another_choice_of_numpy_and_blas_gives_the_golden_bits():
    run_elsewhere(
        "from tests.estimators import test_golden\n"
        "assert test_golden.all_digests() == test_golden.GOLDEN"
    )
