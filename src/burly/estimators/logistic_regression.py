"""Logistic regression with the contract of scikit-learn's ``LogisticRegression``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning

from burly.algorithms.logistic.algorithm import LogisticRegression as Fitting
from burly.algorithms.logistic.auto import SERVED_BY
from burly.algorithms.logistic.settings import Settings
from burly.data.resolved import ResolvedDataset
from burly.estimators.base import (
    MaybeSparse,
    launch,
    learn_columns,
    numbered_as,
    resolve,
    run_of,
)
from burly.estimators.labels import (
    class_weight_of,
    count_classes,
    labels_for_workers,
    name_of_labels,
)
from burly.estimators.logistic_model import LogisticModel
from burly.estimators.parameters import (
    check_logistic_regression,
    penalised_intercept_of,
    penalty_of,
    refuse_dual,
)
from burly.exceptions import ConfigurationError
from burly.launchers.base import Launcher
from burly.plurals import count

Array = NDArray[Any]


class LogisticRegression(LogisticModel):
    """Logistic regression, binary and multinomial, by methods that need few passes and few meetings.

    The model is the same to the last bit for any number of threads and workers, and for any launcher.

    Parameters
    ----------
    penalty : {"l1", "l2", "elasticnet", None}, default="deprecated"
        As in scikit-learn, which replaces it by ``C`` and ``l1_ratio``.
    C : float, default=1.0
        Inverse strength of the penalty; ``np.inf`` is none.
    l1_ratio : float, default=0.0
        0: l2; 1: l1; between: elastic net. Any solver takes each.
    dual : bool, default=False
        For scikit-learn's sake, without effect: the dual problem has the same optimum. True is taken only
        with solver "liblinear" and an l2 penalty, as there.
    tol : float, default=1e-4
        The largest component of the gradient of the mean objective, over all rows, to stop at.
    fit_intercept : bool, default=True
    intercept_scaling : float, default=1
        With solver "liblinear" the intercept is the penalised coefficient of a column of this value.
    class_weight : dict, "balanced" or None, default=None
    random_state : default=None
        For scikit-learn's sake: nothing is drawn.
    solver : str, default="auto"
        "newton" (growing samples, for dense rows), "lbfgs" (sparse rows, many columns), "gd" (the paper's
        fixed steps), or "auto", which is one of the first two; ``run_.settings["solver_chosen"]`` says
        which. scikit-learn's other names are served as "auto", since the optimum is the same;
        "liblinear" penalises the intercept as there.
    max_iter : int, default=100
        Steps of the coefficients at most; with "gd" so many exactly.
    verbose : int, default=0
        Whether to show progress.
    warm_start : bool, default=False
        Start from the coefficients of the last fit.
    n_jobs : int, optional
        No effect, as in scikit-learn.
    learning_rate : float, default=0.001
        For solver "gd" alone: what the gradient, summed over all rows, is multiplied by in each step.
    n_threads : int, optional
        Threads per worker; by default all cores that it really has.
    launcher : burly.InProcess or burly.Lithops, optional
        Where to run; by default in this process.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted, in their own type.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features), float32 or float64 as the data
        One row for two classes.
    intercept_ : ndarray of shape (1,) or (n_classes,), of the type of ``coef_``
    n_iter_ : ndarray of shape (1,), int32
    n_features_in_ : int
    first_column_ : int
        After a fit on svmlight files: whether their columns count from 0 or from 1.
    feature_names_in_ : ndarray of shape (n_features,), object
        Where the data names its columns.
    run_ : burly.Run
        What happened, and where the time went: print it.

    Notes
    -----
    With weights s, their sum W, labels y and margins z = x · w + b, the coefficients w and the intercept b
    minimise

        (1 / W) sum s loss(y, z) + (1 - l1_ratio) / (2 C W) |w|² + l1_ratio / (C W) |w|₁

    with the logistic loss for two classes and the multinomial one for more: scikit-learn's objective, divided
    by C W. "newton" takes the Hessians of samples of the rows, and larger samples as the steps shrink, with
    proximal steps [1]_ where there is an l1 penalty. "lbfgs" is L-BFGS [2]_, and OWL-QN [3]_ with an l1
    penalty. "gd" is the descent of the paper [4]_ that burly comes from.

    References
    ----------
    .. [1] J. D. Lee, Y. Sun and M. A. Saunders, "Proximal Newton-type methods for minimizing composite
       functions", SIAM Journal on Optimization 24(3), 1420-1443, 2014.
    .. [2] D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization",
       Mathematical Programming 45, 503-528, 1989.
    .. [3] G. Andrew and J. Gao, "Scalable training of L1-regularized log-linear models", International
       Conference on Machine Learning, 33-40, 2007.
    .. [4] G. Predoaia and P. García-López, "Leveraging intra-function parallelism in serverless machine
       learning", International Workshop on Serverless Computing (WoSC), 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from burly import LogisticRegression
    >>> X = np.array([[0.0], [1], [2], [3]])
    >>> LogisticRegression().fit(X, ["no", "no", "yes", "yes"]).predict([[0.5], [2.5]]).tolist()
    ['no', 'yes']
    """

    def __init__(
        self,
        penalty: str | None = "deprecated",
        *,
        C: float = 1.0,
        l1_ratio: float | None = 0.0,
        dual: bool = False,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        random_state: int | np.random.RandomState | None = None,
        solver: str = "auto",
        max_iter: int = 100,
        verbose: int = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
        learning_rate: float = 0.001,
        n_threads: int | None = None,
        launcher: Launcher | None = None,
    ) -> None:
        self.penalty = penalty
        self.C = C
        self.l1_ratio = l1_ratio
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.learning_rate = learning_rate
        self.n_threads = n_threads
        self.launcher = launcher

    def fit(
        self, X: MaybeSparse, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the coefficients.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features), or Dataset
        y : array-like of shape (n_rows,)
            Labels of any type; a Dataset of files names its column with ``label=``.
        sample_weight : array-like of shape (n_rows,), optional
            For data in memory; a Dataset of files names its column of weights.

        Returns
        -------
        LogisticRegression
            This estimator.

        Raises
        ------
        burly.exceptions.ConfigurationError, burly.exceptions.DataError
            If parameters or data cannot work.
        burly.exceptions.StateStoreError, burly.exceptions.LaunchError
            If functions or the state store fail.
        """
        check_logistic_regression(self)
        penalty_c, l1_ratio = penalty_of(self)
        refuse_dual(self, l1_ratio)
        labels, objects = labels_for_workers(self, X, y)
        data = resolve(self, X, y=labels, sample_weight=sample_weight, reset=True, sparse=True)
        if self._goes_on and not data.info.numbered:
            data = numbered_as(self, data)
        settings = Settings(
            C=penalty_c,
            l1_ratio=l1_ratio,
            tol=float(self.tol),
            max_iter=int(self.max_iter),
            fit_intercept=bool(self.fit_intercept),
            intercept_scaling=penalised_intercept_of(self),
            class_weight=class_weight_of(self, objects),
            two_classes=self.solver == "liblinear",
            solver=SERVED_BY[self.solver],
            learning_rate=float(self.learning_rate),
            start=self._start(data),
        )
        run = run_of(self, "fit")
        # To count them costs more than some fits here.
        n_classes = None if self.launcher is None else count_classes(labels, objects)
        fitting = Fitting(settings, data.info.feature_names, name_of_labels(X), n_classes)
        result = launch(self, fitting, data, run)
        chosen = str(result.state["solver"])
        run.settings = {**run.settings, "solver_chosen": chosen}
        self.run_ = run
        learn_columns(self, result.state)
        self._learn(result.state.arrays, objects, data.info.dtype)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = self.solver != "liblinear"
        tags.input_tags.sparse = True
        return tags

    @property
    def _goes_on(self) -> bool:
        return bool(self.warm_start) and hasattr(self, "coef_")

    def _start(self, data: ResolvedDataset) -> Array | None:
        if not self._goes_on:
            return None
        coef = self._dense_coef()
        if coef.shape[1] != data.info.n_features:
            raise ConfigurationError(
                f"warm_start=True goes on from {coef.shape[1]} coefficients a class, but the data has "
                f"{data.info.n_features} features; fit other data without it"
            )
        intercept = self.intercept_ if self.fit_intercept else np.zeros_like(self.intercept_)
        start = np.column_stack([coef, intercept]).astype(np.float64)
        if not np.all(np.isfinite(start)):
            raise ConfigurationError(
                "warm_start=True goes on from coefficients that are not finite; fit without it"
            )
        return start

    def _learn(self, arrays: Mapping[str, Array], objects: Array | None, dtype: Any) -> None:
        theta = arrays["theta"].astype(dtype)
        self.classes_ = np.array(arrays["classes"]) if objects is None else objects
        self.coef_ = np.ascontiguousarray(theta[:, :-1])
        self.intercept_ = np.ascontiguousarray(theta[:, -1])
        self.n_iter_ = np.array([int(arrays["n_iter"])], dtype=np.int32)
        if not bool(arrays["converged"]):
            warnings.warn(
                f"logistic regression did not reach tol={self.tol} after "
                f"{count(int(self.n_iter_[0]), 'step')}; raise max_iter or tol, scale the columns, or "
                "add a penalty",
                ConvergenceWarning,
                stacklevel=3,
            )
