"""Launchers, which start the workers: one file per launcher."""
