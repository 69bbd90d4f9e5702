"""What a fitted logistic regression does: apply itself, keep itself, and become scikit-learn's."""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model._base import SparseCoefMixin
from sklearn.utils.validation import check_is_fitted

from burly.algorithms.logistic.predicting import Prediction
from burly.estimators.as_sklearn import sklearn_logistic_regression
from burly.estimators.base import launch, resolve_for_outputs, run_of
from burly.estimators.saved import plain_parameters, revived_parameters
from burly.exceptions import ConfigurationError
from burly.model_files import ModelFile, read_model, write_model
from burly.report.run import Run

Array = NDArray[Any]
APPLYING = {
    "labels": "predict",
    "margins": "decision_function",
    "probabilities": "predict_proba",
    "log_probabilities": "predict_log_proba",
}
"""The methods that apply a model, by what they ask for."""


class LogisticModel(ClassifierMixin, SparseCoefMixin, BaseEstimator):  # type: ignore[misc]
    """The methods of `LogisticRegression` that need a fit."""

    def decision_function(self, X: Any, *, out: str | os.PathLike[str] | None = None) -> Any:
        """Return the margins: shape (n_rows,) for two classes, else (n_rows, n_classes).

        The parameters are those of `predict`; stored margins have a column ``margin``, or for more than
        two classes one ``margin_<class>`` each.
        """
        return self._apply("margins", X, out)

    def predict(self, X: Any, *, out: str | os.PathLike[str] | None = None) -> Any:
        """Return the most probable label of each row.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features), or Dataset
        out : str or path, optional
            For a Dataset of files: a new folder or URI where the workers write Parquet, in the order
            of the data: a column ``labels``, and one ``probability_<class>`` for each class.

        Returns
        -------
        ndarray of shape (n_rows,); None where ``out`` is given
        """
        return self._apply("labels", X, out)

    def predict_proba(self, X: Any, *, out: str | os.PathLike[str] | None = None) -> Any:
        """Return the probability of each class, of shape (n_rows, n_classes).

        The parameters are those of `predict`; stored probabilities have a column
        ``probability_<class>`` for each class.
        """
        return self._apply("probabilities", X, out)

    def predict_log_proba(self, X: Any, *, out: str | os.PathLike[str] | None = None) -> Any:
        """Return the logarithm of the probability of each class, of shape (n_rows, n_classes).

        The parameters are those of `predict`; stored logarithms have a column
        ``log_probability_<class>`` for each class.
        """
        return self._apply("log_probabilities", X, out)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean accuracy of `predict` on data in memory.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features)
        y : array-like of shape (n_rows,)
        sample_weight : array-like of shape (n_rows,), optional

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

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file; `load` reads it. Nothing in it is ever executed.

        Raises
        ------
        burly.exceptions.ModelFileError
            If it cannot be written.
        """
        check_is_fitted(self)
        classes = self.classes_
        if classes.dtype == object:
            classes = np.array(classes.tolist())
            if classes.tolist() != self.classes_.tolist():
                raise ConfigurationError(
                    "classes of mixed types cannot be written: make them all text or all numbers"
                )
        header = {
            "n_iter": self.n_iter_.tolist(),
            "feature_names": list(getattr(self, "feature_names_in_", [])),
            "first_column": getattr(self, "first_column_", None),
            "parameters": plain_parameters(self.get_params()),
        }
        coef = self._dense_coef()
        arrays = {"coef": coef, "intercept": self.intercept_, "classes": classes}
        write_model(path, ModelFile("LogisticRegression", header, arrays))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote.

        Parameters that are neither text nor numbers, the launcher say, are those of a new one.

        Raises
        ------
        burly.exceptions.ModelFileError
            If there is none.
        """
        model = read_model(path)
        if model.kind != "LogisticRegression":
            raise ConfigurationError(f"{path} holds a {model.kind}, not a LogisticRegression")
        loaded = cls(**revived_parameters(model.header["parameters"]))
        loaded.coef_, loaded.intercept_ = model.arrays["coef"], model.arrays["intercept"]
        loaded.classes_ = model.arrays["classes"]
        loaded.n_iter_ = np.array(model.header["n_iter"], dtype=np.int32)
        loaded.n_features_in_ = loaded.coef_.shape[1]
        if model.header.get("first_column") is not None:
            loaded.first_column_ = int(model.header["first_column"])
        if model.header["feature_names"]:
            loaded.feature_names_in_ = np.array(model.header["feature_names"], dtype=object)
        loaded.run_ = Run()
        return loaded

    def to_sklearn(self) -> Any:
        """Return a fitted ``sklearn.linear_model.LogisticRegression`` with these coefficients."""
        check_is_fitted(self)
        return sklearn_logistic_regression(self)

    def _apply(self, name: str, X: Any, out: str | os.PathLike[str] | None) -> Any:
        check_is_fitted(self)
        data = resolve_for_outputs(self, X, APPLYING[name], out, sparse=True)
        coef = np.column_stack([self._dense_coef(), self.intercept_]).astype(np.float64)
        stored = out is not None
        wanted = ("labels", "probabilities") if stored and name == "labels" else (name,)
        # Objects stay here: what travels are numbers.
        objects = self.classes_.dtype == object and "labels" in wanted and not stored
        classes = np.arange(len(self.classes_)) if objects else self.classes_
        run = run_of(self, APPLYING[name])
        target = None if out is None else os.fspath(out)
        dtype = np.result_type(data.info.dtype, self.coef_.dtype)
        prediction = Prediction(coef, classes, wanted, dtype, named=stored)
        result = launch(self, prediction, data, run, out=target)
        if out is not None:
            return None
        output = result.outputs[name]
        return self.classes_[output] if objects else output

    def _dense_coef(self) -> Array:
        coef = self.coef_
        return np.asarray(coef.toarray() if hasattr(coef, "toarray") else coef)
