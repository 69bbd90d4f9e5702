"""What a fitted logistic regression does: apply itself, keep itself, and become scikit-learn's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.linear_model._base import SparseCoefMixin
from sklearn.utils.validation import check_is_fitted

from burly.algorithms.logistic.predicting import Prediction
from burly.estimators.as_sklearn import sklearn_logistic_regression
from burly.estimators.base import MaybeSparse, launch, resolve_for_outputs, run_of
from burly.estimators.saved import Arrays, Saved
from burly.exceptions import ConfigurationError
from burly.report.run import Run

if TYPE_CHECKING:
    import sklearn.linear_model

Array = NDArray[Any]
APPLYING = {
    "labels": "predict",
    "margins": "decision_function",
    "probabilities": "predict_proba",
    "log_probabilities": "predict_log_proba",
}
"""The methods that apply a model, by what they ask for."""


class LogisticModel(ClassifierMixin, SparseCoefMixin, Saved):  # type: ignore[misc]
    """The methods of `LogisticRegression` that need a fit."""

    _kind = "LogisticRegression"

    def decision_function(
        self, X: MaybeSparse, *, out: str | os.PathLike[str] | None = None
    ) -> Any:
        """Return the margins: what the logistic function is applied to.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features), or Dataset
        out : str or path, optional
            As in `predict`; the column is ``margin``, or with more than two classes ``margin_<class>`` each.

        Returns
        -------
        ndarray of shape (n_rows,) for two classes, else (n_rows, n_classes); None where ``out`` is given
            float32 if both the rows and the fit were, else float64.

        Raises
        ------
        burly.exceptions.ConfigurationError, burly.exceptions.DataError
            As `predict` raises.
        """
        return self._apply("margins", X, out)

    def predict(self, X: MaybeSparse, *, out: str | os.PathLike[str] | None = None) -> Any:
        """Return the most probable label of each row.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features), or Dataset
        out : str or path, optional
            For a Dataset of files: a new folder or URI where the workers write Parquet, in the order
            of the data: a column ``labels``, and one ``probability_<class>`` for each class.

        Returns
        -------
        ndarray of shape (n_rows,), of the type of ``classes_``; None where ``out`` is given

        Raises
        ------
        burly.exceptions.ConfigurationError, burly.exceptions.DataError
            If ``out`` is a file, holds files, or cannot be written: most is found before anything runs, and
            a run that fails leaves nothing there.
        """
        return self._apply("labels", X, out)

    def predict_proba(self, X: MaybeSparse, *, out: str | os.PathLike[str] | None = None) -> Any:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features), or Dataset
        out : str or path, optional
            As in `predict`; the columns are ``probability_<class>``, one for each class.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), in the order of ``classes_``; None where ``out`` is given
            float32 if both the rows and the fit were, else float64.

        Raises
        ------
        burly.exceptions.ConfigurationError, burly.exceptions.DataError
            As `predict` raises.
        """
        return self._apply("probabilities", X, out)

    def predict_log_proba(
        self, X: MaybeSparse, *, out: str | os.PathLike[str] | None = None
    ) -> Any:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features), or Dataset
        out : str or path, optional
            As in `predict`; the columns are ``log_probability_<class>``, one for each class.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), in the order of ``classes_``; None where ``out`` is given
            float32 if both the rows and the fit were, else float64.

        Raises
        ------
        burly.exceptions.ConfigurationError, burly.exceptions.DataError
            As `predict` raises.
        """
        return self._apply("log_probabilities", X, out)

    def score(
        self, X: MaybeSparse, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the mean accuracy of `predict` on data in memory.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        y : array-like of shape (n_rows,)
        sample_weight : array-like of shape (n_rows,), optional

        Returns
        -------
        float
            The share of rows whose label is predicted, weighted.

        Raises
        ------
        burly.exceptions.ConfigurationError
            If there are no labels to compare with, as for stored data.
        """
        if y is None:
            raise ConfigurationError(
                "score compares with the labels y of data in memory; for stored data write the "
                "predictions with predict(dataset, out=) and compare them there"
            )
        accuracy: float = super().score(X, y, sample_weight)
        return accuracy

    def to_sklearn(self) -> sklearn.linear_model.LogisticRegression:
        """Return a fitted ``sklearn.linear_model.LogisticRegression`` with these coefficients.

        It has the parameters that it knows, and a solver of its own where that of this model is none there.
        Its methods round otherwise: where two classes are nearly as probable, it may predict the other one.

        Returns
        -------
        sklearn.linear_model.LogisticRegression

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before a fit.
        """
        check_is_fitted(self)
        return sklearn_logistic_regression(self)

    def _apply(self, name: str, X: Any, out: str | os.PathLike[str] | None) -> Any:
        check_is_fitted(self)
        data = resolve_for_outputs(self, X, APPLYING[name], out, sparse=True)
        coef = np.column_stack([self._dense_coef(), self.intercept_]).astype(np.float64)
        stored = out is not None
        wanted = ("labels", "probabilities") if stored and name == "labels" else (name,)
        classes, objects = self.classes_, False
        if classes.dtype == object and "labels" in wanted:
            # Objects stay here: what travels are numbers, or what can be written.
            objects = not stored
            classes = np.arange(len(classes)) if objects else self._plain_classes()
        run = run_of(self, APPLYING[name])
        target = None if out is None else os.fspath(out)
        dtype = np.result_type(data.info.dtype, self.coef_.dtype)
        prediction = Prediction(coef, classes, wanted, dtype, named=stored)
        result = launch(self, prediction, data, run, out=target)
        if out is not None:
            return None
        output = result.outputs[name]
        return self.classes_[output] if objects else output

    def _learnt(self) -> tuple[dict[str, Any], Arrays]:
        header = {
            "n_iter": self.n_iter_.tolist(),
            "first_column": getattr(self, "first_column_", None),
        }
        coef, intercept = self._dense_coef(), self.intercept_
        arrays = {"coef": coef, "intercept": intercept, "classes": self._plain_classes()}
        return header, arrays

    def _learn_again(self, header: Mapping[str, Any], arrays: Arrays) -> None:
        self.coef_, self.intercept_ = arrays["coef"], arrays["intercept"]
        self.classes_ = arrays["classes"]
        self.n_iter_ = np.array(header["n_iter"], dtype=np.int32)
        self.n_features_in_ = self.coef_.shape[1]
        if header["first_column"] is not None:
            self.first_column_ = int(header["first_column"])
        self.run_ = Run()

    def _plain_classes(self) -> Array:
        """Return the classes as text or numbers."""
        classes = self.classes_
        if classes.dtype == object:
            classes = np.array(classes.tolist())
            if classes.dtype == object or classes.tolist() != self.classes_.tolist():
                raise ConfigurationError(
                    "classes of other or mixed types cannot be written: make them all text or all numbers"
                )
        return classes

    def _dense_coef(self) -> Array:
        coef = self.coef_
        return np.asarray(coef.toarray() if hasattr(coef, "toarray") else coef)
