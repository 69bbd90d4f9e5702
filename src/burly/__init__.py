"""Train stateful machine-learning models on a few burly serverless functions."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if sys.platform == "win32":
    raise ImportError("burly runs on Linux and macOS; on Windows use WSL")

if TYPE_CHECKING:
    from burly.data.dataset import Dataset
    from burly.estimators.kmeans import KMeans
    from burly.estimators.logistic_regression import LogisticRegression
    from burly.exceptions import BurlyError
    from burly.launchers.base import Launcher
    from burly.launchers.in_process import InProcess
    from burly.launchers.lithops import Lithops
    from burly.report.recording import recording
    from burly.report.run import Run

__all__ = [
    "BurlyError",
    "Dataset",
    "InProcess",
    "KMeans",
    "Launcher",
    "Lithops",
    "LogisticRegression",
    "Run",
    "__version__",
    "recording",
]

_PLACES = {
    "BurlyError": "burly.exceptions",
    "Dataset": "burly.data.dataset",
    "InProcess": "burly.launchers.in_process",
    "KMeans": "burly.estimators.kmeans",
    "Launcher": "burly.launchers.base",
    "Lithops": "burly.launchers.lithops",
    "LogisticRegression": "burly.estimators.logistic_regression",
    "Run": "burly.report.run",
    "recording": "burly.report.recording",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that workers load only what they need."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("burly")
    if name not in _PLACES:
        raise AttributeError(f"module 'burly' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
