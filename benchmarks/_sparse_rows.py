"""Sparse rows as text gives them: counts of words, and their tf-idf at unit length."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse


def zipf_counts(n: int = 500_000, d: int = 50_000, words: int = 40) -> tuple[Any, Any]:
    """Return rows of counts, float32, and labels of two classes."""
    rng = np.random.default_rng(0)
    X = _draw(rng, n, d, words)
    return X.astype(np.float32), _labels(rng, X @ (rng.normal(size=d) * 0.3))


def tf_idf(n: int = 300_000, d: int = 50_000, words: int = 60) -> tuple[Any, Any]:
    """Return rows of unit length, float32, and labels of two classes."""
    rng = np.random.default_rng(1)
    X = _draw(rng, n, d, words)
    idf = np.log((1 + n) / (1 + np.bincount(X.indices, minlength=d))) + 1
    X.data = (1 + np.log(X.data)) * idf[X.indices]
    lengths = np.sqrt(np.asarray(X.multiply(X).sum(axis=1)).ravel())
    X = (sparse.diags(1 / lengths) @ X).tocsr()
    return X.astype(np.float32), _labels(rng, X @ (rng.normal(size=d) * 3))


def _draw(rng: np.random.Generator, n: int, d: int, words: int) -> Any:
    share = 1 / np.arange(1, d + 1)
    columns = rng.choice(d, size=n * words, p=share / share.sum())
    rows = np.repeat(np.arange(n), words)
    X = sparse.csr_matrix((np.ones(n * words), (rows, columns)), shape=(n, d))
    X.sum_duplicates()
    return X


def _labels(rng: np.random.Generator, z: Any) -> Any:
    return (z - np.median(z) + rng.logistic(size=len(z)) > 0).astype(np.int64)
