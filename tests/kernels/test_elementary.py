"""The elementary functions keep their error bounds, and their bits at every width."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from burly.kernels import load, runnable

RNG = np.random.default_rng(20)
ARGUMENTS = {
    "exp": np.concatenate([RNG.uniform(-708, 709, 2000), RNG.uniform(-1, 1, 2000)]),
    "log": np.concatenate([np.exp(RNG.uniform(-700, 700, 2000)), RNG.uniform(0.5, 2, 2000)]),
    "log1p": np.concatenate([RNG.random(2000), np.exp(-RNG.exponential(20, 2000))]),
}
BOUNDS = {"exp": 1.0, "log": 1.0, "log1p": 1.5}


def values(kernels, name, x):
    y = np.empty_like(x)
    getattr(load(kernels), name)(x, y)
    return y


@pytest.mark.parametrize("name", ARGUMENTS)
def test_errors_stay_within_the_stated_units_in_the_last_place(name):
    x = ARGUMENTS[name]
    y = values(runnable()[0], name, x)
    with mpmath.workprec(120):
        exact = [getattr(mpmath, name)(mpmath.mpf(float(v))) for v in x]
        errors = [
            abs(mpmath.mpf(float(a)) - b) / mpmath.mpf(float(np.spacing(abs(float(b)))))
            for a, b in zip(y, exact, strict=True)
        ]
    assert max(errors) <= BOUNDS[name]


@pytest.mark.parametrize("name", ARGUMENTS)
def test_every_width_gives_the_same_bits(name):
    first, *others = [values(kernels, name, ARGUMENTS[name]) for kernels in runnable()]
    for other in others:
        np.testing.assert_array_equal(first.view(np.int64), other.view(np.int64))


def test_large_arguments_do_not_overflow():
    y = values(runnable()[0], "exp", np.array([-1e4, 1e4, np.nan]))
    assert np.isfinite(y[:2]).all()
    assert np.isnan(y[2])
