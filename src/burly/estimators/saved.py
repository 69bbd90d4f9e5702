"""Estimators in model files: what all of them save and load alike."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from burly.exceptions import ConfigurationError, ModelFileError
from burly.model_files import ModelFile, read_model, write_model

Arrays = Mapping[str, NDArray[Any]]


class Saved(BaseEstimator):  # type: ignore[misc]
    """An estimator that model files can hold: its parameters, names of features, and what it has learnt."""

    _kind: ClassVar[str]
    """What the file calls it."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file; `load` reads it. Nothing in it is ever executed.

        Parameters
        ----------
        path : str or path
            A file on this machine; one that is there is replaced.

        Raises
        ------
        burly.exceptions.ModelFileError
            If it cannot be written.
        """
        check_is_fitted(self)
        header, arrays = self._learnt()
        common = {
            "feature_names": list(getattr(self, "feature_names_in_", [])),
            "parameters": _plain(self.get_params()),
        }
        write_model(path, ModelFile(self._kind, {**header, **common}, arrays))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote.

        Parameters that are neither text nor numbers, the launcher say, are those of a new one.

        Parameters
        ----------
        path : str or path

        Returns
        -------
        KMeans or LogisticRegression
            Fitted, but without ``labels_``.

        Raises
        ------
        burly.exceptions.ModelFileError, burly.exceptions.ConfigurationError
            If there is none, or one of another kind.
        """
        model = read_model(path)
        if model.kind != cls._kind:
            raise ConfigurationError(f"{path} holds a {model.kind}, not a {cls._kind}")
        try:
            loaded = cls(**_revived(model.header["parameters"]))
            if model.header["feature_names"]:
                loaded.feature_names_in_ = np.array(model.header["feature_names"], dtype=object)
            loaded._learn_again(model.header, model.arrays)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"{path} is not all of a model file of burly: {error!r}"
            ) from error
        return loaded

    @abstractmethod
    def _learnt(self) -> tuple[dict[str, Any], Arrays]:
        """Return what a fit has found: JSON values, and arrays."""

    @abstractmethod
    def _learn_again(self, header: Mapping[str, Any], arrays: Arrays) -> None:
        """Take what `_learnt` returned."""


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return those that are text, numbers, or mappings of these, as JSON can hold them.

    Arrays, functions, random generators and launchers stay behind.
    """
    plain: dict[str, Any] = {}
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            pairs = [[_number(key), _number(weight)] for key, weight in value.items()]
            if all(_is_plain(item) for pair in pairs for item in pair):
                plain[name] = {"pairs": pairs}
        elif _is_plain(_number(value)):
            plain[name] = _number(value)
    return plain


def _revived(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `_plain` was given."""
    return {
        name: dict(value["pairs"]) if isinstance(value, Mapping) else value
        for name, value in plain.items()
    }


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | bool | int | float)
