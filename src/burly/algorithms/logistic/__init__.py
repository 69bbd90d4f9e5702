"""Logistic regression: solvers that need few meetings."""
