"""Estimators with scikit-learn's contract: they validate parameters and compose runs, no more."""
