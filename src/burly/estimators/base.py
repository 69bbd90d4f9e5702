"""What all estimators do before and after a run."""

from __future__ import annotations

import numbers
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import _check_sample_weight, validate_data

from burly.algorithms.base import Algorithm
from burly.algorithms.numbered import Numbered, columns_of
from burly.data.arrays import from_arrays
from burly.data.dataset import Dataset
from burly.data.resolved import ResolvedDataset
from burly.exceptions import ConfigurationError, SchemaError
from burly.launchers.base import Job, Launcher, Result, plain_number
from burly.launchers.in_process import InProcess
from burly.report.progress import progress
from burly.report.recording import begin
from burly.report.run import Run, tee
from burly.states import State

if TYPE_CHECKING:
    from scipy import sparse

FLOATS = [np.float64, np.float32]
Rows: TypeAlias = ArrayLike | Dataset
"""What an estimator takes for rows: array-likes, data frames, and datasets."""
MaybeSparse: TypeAlias = "Rows | sparse.sparray | sparse.spmatrix"
"""And what one takes that knows sparse rows."""


class Launching(Protocol):
    """What an estimator says about where and how it runs."""

    n_threads: int | None
    launcher: Launcher | None
    verbose: int


def resolve(
    estimator: Any,
    X: Any,
    *,
    y: Any = None,
    sample_weight: Any = None,
    reset: bool,
    sparse: bool = False,
) -> ResolvedDataset:
    """Validate data by scikit-learn's rules, and cut it into shards.

    Values are not looked at: whether they are finite is found in the first round.

    Parameters
    ----------
    estimator : estimator
        Learns ``n_features_in_`` and ``feature_names_in_`` where reset, else is held to them.
    X : array-like, data frame or Dataset
    y, sample_weight : array-like of shape (n_rows,), optional
        For data in memory.
    reset : bool
    sparse : bool
        Whether the estimator takes sparse rows.

    Raises
    ------
    ValueError, TypeError
        From scikit-learn, for arrays that do not fit.
    burly.exceptions.DataError, burly.exceptions.ConfigurationError
        From `Dataset.resolve`.
    """
    if isinstance(X, Dataset):
        learnt = () if reset else getattr(estimator, "feature_names_in_", ())
        data = X.resolve(y=y, sample_weight=sample_weight, learnt=tuple(learnt))
        if data.info.sparse and not sparse:
            raise SchemaError(
                f"{type(estimator).__name__} takes no sparse rows: make a matrix dense with its "
                "toarray(), and write files as Parquet, CSV or NPY"
            )
        if not data.info.numbered:
            return data if reset else numbered_as(estimator, data)
        _check_features(estimator, data, reset=reset)
        return data
    if isinstance(X, str | os.PathLike):
        raise ConfigurationError(f"X is a path and not its rows: pass Dataset({os.fspath(X)!r})")
    array = validate_data(
        estimator,
        X,
        reset=reset,
        dtype=FLOATS,
        order="C",
        ensure_all_finite=False,
        accept_sparse="csr" if sparse else False,
    )
    if sample_weight is not None:
        sample_weight = _check_sample_weight(sample_weight, array, dtype=np.float64)
    return from_arrays(array, y, sample_weight)


def resolve_for_outputs(
    estimator: Any,
    X: Any,
    method: str,
    out: str | os.PathLike[str] | None,
    *,
    sparse: bool = False,
) -> ResolvedDataset:
    """Validate data that a method of a fitted model is applied to, and where its outputs go.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If outputs of data in memory should be written, or of stored data returned.
    ValueError, TypeError, burly.exceptions.DataError
        As `resolve` raises.
    """
    data = resolve(estimator, X, reset=False, sparse=sparse)
    if data.info.in_memory != (out is None):
        raise ConfigurationError(
            f"{method} returns its results for data in memory: leave out= away"
            if data.info.in_memory
            else f"{method} lets the workers write its results for stored data: pass out=, a new "
            "folder or URI"
        )
    return data


def numbered_as(estimator: Any, data: ResolvedDataset) -> ResolvedDataset:
    """Take from a fitted model what svmlight data leaves open."""
    info = data.info
    if info.n_features not in (0, estimator.n_features_in_):
        raise SchemaError(
            f"the data was said to have {info.n_features} features, but the model was fitted with "
            f"{estimator.n_features_in_}",
            remedy="leave {n_features} away",
        )
    first = info.first_column
    if first is None:
        first = getattr(estimator, "first_column_", None)
    if first is None:
        raise ConfigurationError(
            "the model was fitted to a matrix, so it does not know whether the columns of these lines "
            "count from 0 or from 1",
            remedy="say {zero_based:True} or {zero_based:False}",
        )
    info = replace(info, n_features=estimator.n_features_in_, first_column=first)
    return replace(data, info=info)


def learn_columns(estimator: Any, state: State) -> None:
    """Learn the features of data whose columns only a run could number."""
    if hasattr(estimator, "first_column_"):
        del estimator.first_column_
    columns = columns_of(state)
    if columns is not None:
        estimator.first_column_, estimator.n_features_in_ = columns
        if hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_


def _check_features(estimator: Any, data: ResolvedDataset, *, reset: bool) -> None:
    """Learn the features of a Dataset, or hold it to those that were learnt."""
    names = data.info.feature_names
    if reset:
        estimator.n_features_in_ = data.info.n_features
        if names:
            estimator.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
        return
    if data.info.n_features != estimator.n_features_in_:
        raise SchemaError(
            f"the data has {data.info.n_features} features, but the model was fitted with "
            f"{estimator.n_features_in_}",
            remedy="choose them with {columns}",
        )
    known = getattr(estimator, "feature_names_in_", None)
    if known is not None and names and list(known) != list(names):
        raise SchemaError(
            f"the data has the features {', '.join(names[:5])}, but the model was fitted with "
            f"{', '.join(known[:5])}",
            remedy="choose them with {columns}",
        )


def launch(
    estimator: Launching,
    algorithm: Algorithm,
    data: ResolvedDataset,
    run: Run,
    *,
    out: str | None = None,
) -> Result:
    """Run an algorithm on data where the estimator says, and record what happens.

    Raises
    ------
    burly.exceptions.BurlyError
        Whatever ended the run.
    """
    n_threads = estimator.n_threads
    if n_threads is not None:
        n_threads = plain_number("n_threads", n_threads, numbers.Integral)
    launcher = InProcess() if estimator.launcher is None else estimator.launcher
    if not isinstance(launcher, Launcher):
        raise ConfigurationError(
            f"launcher must be burly.InProcess(...) or burly.Lithops(...), got {launcher!r}"
        )
    begin(run)
    if not data.info.numbered:
        algorithm = Numbered(algorithm, data.info)
    job = Job(algorithm, data, algorithm.start(data.info), n_threads, out)
    if not estimator.verbose:
        return launcher.run(job, run.record)
    with progress(run) as show:
        return launcher.run(job, tee(run.record, show))


def draw_seed(random_state: Any) -> int:
    """Return the seed of a run, from what scikit-learn takes for ``random_state``."""
    if isinstance(random_state, int | np.integer):
        if not 0 <= random_state < 1 << 32:
            raise ConfigurationError(
                f"random_state must be from 0 to 2**32 - 1, got {random_state}"
            )
        return int(random_state)
    if random_state is None:
        # As small as one that a user may give, so that a run can be repeated.
        return int(np.random.SeedSequence().generate_state(1, np.uint32)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(1 << 32, dtype=np.uint64))
    raise ConfigurationError(
        f"random_state must be None, an int or a RandomState, got {random_state!r}"
    )


def run_of(estimator: Any, method: str, *, seed: int | None = None, init: str | None = None) -> Run:
    """Return the run of a method that is about to begin."""
    task = f"{type(estimator).__name__}.{method}"
    return Run(settings_of(estimator), seed=seed, init=init, task=task)


def settings_of(estimator: Any) -> Mapping[str, Any]:
    """Return the parameters of an estimator, fit to be shown."""
    shown = {}
    for name, value in estimator.get_params(deep=False).items():
        if isinstance(value, str | int | float | bool | None):
            shown[name] = value
        elif isinstance(value, Launcher):
            shown[name] = repr(value)
        else:
            shown[name] = f"<{type(value).__name__}>"
    return shown
