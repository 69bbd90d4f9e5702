"""Record runs that no estimator keeps: predictions, scores, and fits that failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from burly.report.run import Run

_listening: ContextVar[tuple[list[Run], ...]] = ContextVar("burly_recording", default=())


@contextmanager
def recording() -> Iterator[list[Run]]:
    """Keep every run of this thread, whatever starts it and however it ends.

    ``model.run_`` is the run of ``fit``. What ``predict``, ``transform`` and ``score`` do leaves a
    model as it was, as scikit-learn asks for, and a ``fit`` that fails leaves no ``run_``.

    Yields
    ------
    list of burly.report.run.Run
        Grows by one with each run that begins.

    Examples
    --------
    >>> import numpy as np
    >>> import burly
    >>> X = np.array([[1.0], [2.0], [8.0], [9.0]])
    >>> model = burly.KMeans(2, random_state=0).fit(X)
    >>> with burly.recording() as runs:
    ...     labels = model.predict(X)
    >>> runs[0].task
    'KMeans.predict'
    """
    runs: list[Run] = []
    token = _listening.set((*_listening.get(), runs))
    try:
        yield runs
    finally:
        _listening.reset(token)


def begin(run: Run) -> None:
    """Give a run that begins to whoever listens."""
    for runs in _listening.get():
        runs.append(run)
