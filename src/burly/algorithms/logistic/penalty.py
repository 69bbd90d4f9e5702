"""What an l1 term makes of gradients and of coefficients that several classes share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def smallest_subgradient(gradient: Float, theta: Float, l1: Float) -> Float:
    """Return the subgradient of the smallest norm of a smooth function plus sum l1 |theta|.

    ``gradient`` is of the smooth part; shapes (n_outputs, D), ``l1`` (D,).
    """
    outside = np.abs(gradient) - l1
    at_zero = np.where(outside > 0, np.sign(gradient) * outside, 0.0)
    return np.where(theta == 0, at_zero, gradient + np.sign(theta) * l1)


def least_shift(theta: Float, l1: float, l2: float) -> Float:
    """Return c with the least sum over k of l1 |theta_kj - c_j| + l2 (theta_kj - c_j)^2 / 2, shape (n,).

    Between the sorted theta_kj the sum is a parabola, or a line; the least point is the median of these
    corners and of the parabolas' own least points. Where a whole interval is least, c is nearest to 0.
    Shape of ``theta``: (n_outputs, n).
    """
    n = len(theta)
    below = np.arange(n + 1)[:, np.newaxis]  # how many corners are less
    balance = n - 2.0 * below
    if l2 > 0:
        total = np.zeros(theta.shape[1])
        for row in theta:
            total += row
        own = (total + (l1 / l2) * balance) / n
    else:
        own = np.where(balance == 0, 0.0, np.where(balance > 0, np.inf, -np.inf))
        own = np.broadcast_to(own, (n + 1, theta.shape[1]))
    median: Float = np.sort(np.concatenate([theta, own]), axis=0)[n]
    return median
