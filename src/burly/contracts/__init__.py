"""The suites that `burly.testing` offers."""
