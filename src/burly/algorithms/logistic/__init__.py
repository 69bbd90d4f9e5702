"""Logistic regression, with solvers that need few rounds."""
