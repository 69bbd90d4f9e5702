"""What given coefficients say of rows: margins, and the probabilities of the classes.

Margins are those of `burly.kernels.logistic`, row by row; nothing is summed over rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burly.data.csr import CSR
from burly.data.partition import AnyRows
from burly.kernels import ThreadTeam
from burly.kernels.rows import arrays_of

Float = NDArray[np.float64]


def decision_function(X: AnyRows, coef: Float, team: ThreadTeam) -> Float:
    """Return the margins of rows, shape (n_rows, n_outputs).

    Parameters
    ----------
    X : ndarray or CSR of shape (n_rows, n_features)
        float32 or float64.
    coef : ndarray of shape (n_outputs, n_features + 1)
        float64, the intercepts last.
    """
    margins = np.empty((X.shape[0], len(coef)))
    suffix = "F32" if X.dtype == np.float32 else "F64"
    kind = "sparse" if isinstance(X, CSR) else "dense"
    margins_of = getattr(team.module, f"logistic_margins_{kind}{suffix}")
    margins_of(team.native, *arrays_of(X), coef, margins)
    return margins


def probabilities(margins: Float, team: ThreadTeam) -> Float:
    """Return the probabilities of the classes, shape (n_rows, n_classes), for margins.

    One column of margins stands for two classes. Large margins do not overflow.
    """
    return _softmax(margins, team, logarithms=False)


def log_probabilities(margins: Float, team: ThreadTeam) -> Float:
    """Return the logarithms of `probabilities`, exact where these round to zero."""
    return _softmax(margins, team, logarithms=True)


def _softmax(margins: Float, team: ThreadTeam, *, logarithms: bool) -> Float:
    n, n_outputs = margins.shape
    result = np.empty((n, 2 if n_outputs == 1 else n_outputs))
    team.module.logistic_softmax(team.native, margins, logarithms, result)
    return result
