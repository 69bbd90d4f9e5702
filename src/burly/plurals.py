"""Numbers of things, as people write them."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """Return for example ``1 worker`` or ``2 workers``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
