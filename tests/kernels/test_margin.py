"""The margin of Lloyd's bounds on rows whose every rounding goes the wrong way.

One large feature, in which a row is 0, and many small ones. Each small product with the row is about half a
unit in the last place of the score, so a little more or less of it rounds up or down: a centre that
grows by one part in a billion turns the errors of all its products round, and in float64 those of
its norm as well. Before the move all errors make the gap look wider than it is, after it they make
the farther centre win. docs/kernels.md ("A second reading") says how much margin is left.
"""

from fractions import Fraction

import numpy as np
import pytest
from tests.kernels.test_lloyd import grids_for, partition_of

from burly.kernels import ThreadTeam, runnable
from burly.kernels.assignment import assign
from burly.kernels.lloyd import Lloyd
from burly.kernels.rows import Rows

SMALL = 4095


def centre(large, scale, dtype):
    """A centre as long as ``large``, whose small features are ``scale`` times the critical ones."""
    unit = np.finfo(dtype).eps / 2
    small = np.full(SMALL, -np.sqrt(2 * unit))
    return (np.concatenate([[large], small]) * scale).astype(dtype)


def exact_square(x, c):
    return sum((Fraction(float(a)) - Fraction(float(b))) ** 2 for a, b in zip(x, c, strict=True))


def last_that_wins(wins, low, high, dtype):
    """The largest number between for which ``wins`` holds, which it does up to there."""
    while (middle := dtype((low + high) / 2)) not in (low, high):
        low, high = (middle, high) if wins(middle) else (low, middle)
    return low


@pytest.mark.parametrize("kernels", runnable())
@pytest.mark.parametrize(("dtype", "turn"), [(np.float32, 2**-10), (np.float64, 2**-30)])
def test_a_row_is_computed_where_roundings_make_the_farther_centre_win(dtype, turn, kernels):
    unit = np.finfo(dtype).eps / 2
    row = np.concatenate([[0.0], np.full(SMALL, np.sqrt(unit / 2))]).astype(dtype)
    X, shift = np.repeat(row[np.newaxis], 3, axis=0), np.zeros(SMALL + 1, dtype)
    near = 1.001 * np.sqrt(2)
    with ThreadTeam(1, kernels=kernels) as team:
        rows = Rows(partition_of(X), team)

        def moved(far):
            return np.stack([centre(-far, 1 - turn, dtype), centre(near, 1 + turn, dtype)])

        def farther_wins(far):
            return assign(rows, team, moved(far), shift)[0] == 0

        far = last_that_wins(farther_wins, dtype(0.99 * near), dtype(1.01 * near), dtype)
        before = np.stack([centre(-far, 1 + turn, dtype), centre(near, 1 - turn, dtype)])
        after = moved(far)
        assert exact_square(row, after[0]) > exact_square(row, after[1])
        lloyd = Lloyd(partition_of(X), 2, team, shift=shift, grid=grids_for(X, None, shift).grid)
        lloyd.step(before)
        np.testing.assert_array_equal(lloyd.labels, 1)
        lloyd.step(after)
        np.testing.assert_array_equal(lloyd.labels, 0)
