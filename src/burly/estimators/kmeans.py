"""K-means with the contract of scikit-learn's ``KMeans``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from burly.algorithms import kmeans
from burly.data.dataset import Dataset
from burly.estimators.as_sklearn import sklearn_kmeans
from burly.estimators.base import Rows, draw_seed, launch, resolve, resolve_for_outputs, run_of
from burly.estimators.parameters import check_kmeans
from burly.estimators.saved import Arrays, Saved
from burly.estimators.starts import first_centers
from burly.exceptions import ConfigurationError
from burly.launchers.base import Launcher
from burly.report.run import Run

if TYPE_CHECKING:
    import sklearn.cluster

Array = NDArray[Any]
APPLYING = {"labels": "predict", "distances": "transform"}
"""The methods that apply a model, by what they ask for."""


class KMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, Saved):  # type: ignore[misc]
    """K-means clustering by Lloyd's algorithm: exact, in parallel, in process or on functions.

    The model is the same to the last bit for any number of threads and workers, and for any launcher.

    Parameters
    ----------
    n_clusters : int, default=8
    init : {"auto", "k-means++", "k-means||", "random"}, array or callable, default="auto"
        First centres. "auto" is k-means++ for arrays and k-means|| for a `Dataset` of files, which
        costs few rounds whatever ``n_clusters``; ``run_.init`` says which it was. An array of shape
        (n_clusters, n_features), or a callable ``init(X, n_clusters, random_state)`` that returns
        one, for data in memory.
    n_init : "auto" or int, default="auto"
        How many starts; the one with the least inertia wins. "auto" is 10 for "random" and
        callables, else 1.
    max_iter : int, default=300
        Iterations of each start at most.
    tol : float, default=1e-4
        A start has converged once the squared movement of its centres is at most this share of the
        mean variance of the features. With ``sample_weight`` that is the weighted variance, so that a
        row of weight 2 counts as two rows; scikit-learn leaves weights out of it.
    verbose : int, default=0
        Whether to show progress.
    random_state : int, RandomState or None, default=None
        None draws a seed, which ``run_.seed`` tells.
    copy_x : bool, default=True
        For scikit-learn's sake: X is never changed.
    algorithm : {"lloyd", "elkan"}, default="lloyd"
        For scikit-learn's sake: both are exact, and both are served by the same bounded iteration.
    n_threads : int, optional
        Threads per worker; by default all cores that it really has.
    launcher : burly.InProcess or burly.Lithops, optional
        Where to run; by default in this process.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features), float32 or float64 as the data
    labels_ : ndarray of shape (n_rows,), int32
        Of data in memory. The same as ``predict`` of that data, bit for bit.
    inertia_ : float
        The weighted sum of squared distances to the nearest centre.
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,), object
        Where the data names its columns.
    run_ : burly.Run
        What happened, and where the time went: print it.

    Notes
    -----
    The iteration is Lloyd's [1]_. Bounds on the distances, after Hamerly [2]_, spare the most of them and
    change no result. k-means++ [3]_ is greedy, as in scikit-learn: it takes the best of a few draws for each
    centre. k-means|| [4]_ draws many centres in each of a few rounds, and k-means++ chooses among them.

    Rows are compared by squared distances, as in scikit-learn. Differences below about 1e-19 (float32) or
    1e-144 (float64) have squares that lose their digits, and smaller ones vanish: such rows count as
    duplicates, which ``fit`` warns of where it leaves fewer clusters than were asked for. Squares that
    overflow are an error. Scale such data.

    References
    ----------
    .. [1] S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28(2),
       129-137, 1982.
    .. [2] G. Hamerly, "Making k-means even faster", SIAM International Conference on Data Mining, 130-140,
       2010.
    .. [3] D. Arthur and S. Vassilvitskii, "k-means++: the advantages of careful seeding", ACM-SIAM Symposium
       on Discrete Algorithms, 1027-1035, 2007.
    .. [4] B. Bahmani, B. Moseley, A. Vattani, R. Kumar and S. Vassilvitskii, "Scalable k-means++",
       Proceedings of the VLDB Endowment 5(7), 622-633, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from burly import KMeans
    >>> X = np.array([[1.0, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = KMeans(2, random_state=0).fit(X)
    >>> sorted(model.cluster_centers_.tolist())
    [[1.0, 2.0], [10.0, 2.0]]
    """

    _kind = "KMeans"

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: str | ArrayLike | Callable[..., ArrayLike] = "auto",
        n_init: int | Literal["auto"] = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
        copy_x: bool = True,
        algorithm: str = "lloyd",
        n_threads: int | None = None,
        launcher: Launcher | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.n_threads = n_threads
        self.launcher = launcher

    def fit(
        self,
        X: Rows,
        y: object = None,  # noqa: ARG002
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Find the centres.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features), or Dataset
        y : ignored
        sample_weight : array-like of shape (n_rows,), optional
            For data in memory; a Dataset of files names its column of weights.

        Returns
        -------
        KMeans
            This estimator.

        Raises
        ------
        burly.exceptions.ConfigurationError, burly.exceptions.DataError
            If parameters or data cannot work; most is known before anything is launched.
        burly.exceptions.StateStoreError, burly.exceptions.LaunchError
            If functions or the state store fail.
        """
        check_kmeans(self)
        data = resolve(self, X, sample_weight=sample_weight, reset=True)
        seed = draw_seed(self.random_state)
        init, given, n_init = first_centers(self, data, seed)
        shown = self.init if isinstance(self.init, str) and self.init != "auto" else init
        run = run_of(self, "fit", seed=seed, init=shown)
        fitting = kmeans.KMeans(
            n_clusters=int(self.n_clusters),
            init=init,
            starts=given,
            n_init=n_init,
            max_iter=int(self.max_iter),
            tol=float(self.tol),
            seed=seed,
            feature_names=data.info.feature_names,
        )
        result = launch(self, fitting, data, run)
        self.run_ = run
        self._learn(result.state.arrays)
        self.__dict__.pop("labels_", None)
        if "labels" in result.outputs:
            self.labels_ = result.outputs["labels"]
        self._warn(result.state["counts"])
        return self

    def predict(self, X: Rows, *, out: str | os.PathLike[str] | None = None) -> Any:
        """Return the number of the nearest centre of each row.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features), or Dataset
        out : str or path, optional
            For a Dataset of files: the folder or URI where the workers write the labels, as Parquet
            in files of about 64 MB, in the order of the data.

        Returns
        -------
        ndarray of shape (n_rows,), int32; None where ``out`` is given

        Raises
        ------
        burly.exceptions.ConfigurationError, burly.exceptions.DataError
            If ``out`` is a file, holds files, or cannot be written: most is found before anything runs, and
            a run that fails leaves nothing there.
        """
        return self._apply(kmeans.Assignment, "labels", X, out)

    def transform(self, X: Rows, *, out: str | os.PathLike[str] | None = None) -> Any:
        """Return the distance of each row to each centre.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features), or Dataset
        out : str or path, optional
            As in `predict`; the columns are ``distances_0``, ``distances_1`` and so on.

        Returns
        -------
        ndarray of shape (n_rows, n_clusters), of the type of the rows; None where ``out`` is given

        Raises
        ------
        burly.exceptions.ConfigurationError, burly.exceptions.DataError
            As `predict` raises.
        """
        return self._apply(kmeans.Distances, "distances", X, out)

    def score(
        self,
        X: Rows,
        y: object = None,  # noqa: ARG002
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return minus the inertia of data under this model.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features), or Dataset
        y : ignored
        sample_weight : array-like of shape (n_rows,), optional
            For data in memory; a Dataset of files names its column of weights.

        Returns
        -------
        float
            Minus the weighted sum of squared distances to the nearest centre: more is better.

        Raises
        ------
        burly.exceptions.ConfigurationError, burly.exceptions.DataError
            If the data does not fit the model.
        """
        check_is_fitted(self)
        data = resolve(self, X, sample_weight=sample_weight, reset=False)
        scoring = kmeans.Assignment(self.cluster_centers_, self._shift, scoring=True)
        result = launch(self, scoring, data, run_of(self, "score"))
        return -float(result.state["inertia"])

    def fit_predict(
        self,
        X: Rows,
        y: object = None,  # noqa: ARG002
        sample_weight: ArrayLike | None = None,
    ) -> Array:
        """Find the centres, and return the label of each row; of data in memory.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features)
        y : ignored
        sample_weight : array-like of shape (n_rows,), optional

        Returns
        -------
        ndarray of shape (n_rows,), int32

        Raises
        ------
        burly.exceptions.ConfigurationError
            If the data is stored: `predict` writes where the data is. Else as `fit` raises.
        """
        _refuse_stored(X, "fit_predict", "fit(dataset).predict(dataset, out=)")
        return self.fit(X, sample_weight=sample_weight).labels_

    def fit_transform(
        self,
        X: Rows,
        y: object = None,  # noqa: ARG002
        sample_weight: ArrayLike | None = None,
    ) -> Array:
        """Find the centres, and return the distances of each row to them; of data in memory.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features)
        y : ignored
        sample_weight : array-like of shape (n_rows,), optional

        Returns
        -------
        ndarray of shape (n_rows, n_clusters), of the type of the rows

        Raises
        ------
        burly.exceptions.ConfigurationError
            If the data is stored: `transform` writes where the data is. Else as `fit` raises.
        """
        _refuse_stored(X, "fit_transform", "fit(dataset).transform(dataset, out=)")
        distances: Array = self.fit(X, sample_weight=sample_weight).transform(X)
        return distances

    def to_sklearn(self) -> sklearn.cluster.KMeans:
        """Return a fitted ``sklearn.cluster.KMeans`` with these centres and the parameters that it knows.

        Its ``predict`` rounds distances otherwise: a row that is nearly as far from two centres may get the
        other label. Its ``init`` is "k-means++" where that of this model has no name there.

        Returns
        -------
        sklearn.cluster.KMeans

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before a fit.
        """
        check_is_fitted(self)
        return sklearn_kmeans(self)

    @property
    def _n_features_out(self) -> int:
        return len(self.cluster_centers_)

    def __getattr__(self, name: str) -> Any:
        if name == "labels_" and "cluster_centers_" in vars(self):
            raise AttributeError(
                "there is no labels_, since the data was not in memory (or the model was loaded): "
                "predict(dataset, out='s3://...') writes the labels where the data is"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _apply(
        self, kind: type[Any], name: str, X: Any, out: str | os.PathLike[str] | None
    ) -> Array | None:
        check_is_fitted(self)
        data = resolve_for_outputs(self, X, APPLYING[name], out)
        run = run_of(self, APPLYING[name])
        target = None if out is None else os.fspath(out)
        result = launch(self, kind(self.cluster_centers_, self._shift), data, run, out=target)
        return None if out is not None else result.outputs[name]

    def _learnt(self) -> tuple[dict[str, Any], Arrays]:
        header = {
            "n_iter": self.n_iter_,
            "inertia": self.inertia_,
            "seed": self.run_.seed,
            "init": self.run_.init,
        }
        return header, {"centers": self.cluster_centers_, "shift": self._shift}

    def _learn_again(self, header: Mapping[str, Any], arrays: Arrays) -> None:
        self.cluster_centers_, self._shift = arrays["centers"], arrays["shift"]
        self.n_iter_, self.inertia_ = header["n_iter"], header["inertia"]
        self.n_features_in_ = self.cluster_centers_.shape[1]
        self.run_ = Run(seed=header["seed"], init=header["init"])

    def _learn(self, arrays: Any) -> None:
        self.cluster_centers_ = np.array(arrays["centers"])
        self._shift = np.array(arrays["shift"])
        self.inertia_ = float(arrays["inertia"])
        self.n_iter_ = int(arrays["n_iter"])

    def _warn(self, counts: Array) -> None:
        found = int(np.count_nonzero(counts))
        if found < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({found}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X, or to differences whose "
                "squares underflow: scale the data then.",
                ConvergenceWarning,
                stacklevel=3,
            )


def _refuse_stored(X: Any, method: str, instead: str) -> None:
    """Say before a fit that its results could not be returned."""
    if isinstance(X, Dataset) and not X.in_memory:
        raise ConfigurationError(
            f"{method} returns its results, and those of stored data are written by the workers: "
            f"use {instead}"
        )
