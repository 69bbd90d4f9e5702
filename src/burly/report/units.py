"""Quantities as people read them: three digits and a unit."""

from __future__ import annotations

import math

_THOUSANDS = ("", " k", " M", " G", " T")


def seconds_text(seconds: float) -> str:
    """Return for example ``1.23 s``, ``45.6 ms`` or ``789 us``; nothing measured is a dash."""
    if seconds <= 0:
        return "-"
    if seconds >= 1:
        return f"{_three_digits(seconds)} s"
    if seconds >= 1e-3:
        return f"{_three_digits(seconds * 1e3)} ms"
    return f"{_three_digits(seconds * 1e6)} us"


def bytes_text(n_bytes: float) -> str:
    """Return for example ``12.3 MB``, in powers of ten."""
    return f"{_scaled(n_bytes) or '0 '}B"


def usd_text(usd: float) -> str:
    """Return for example ``$12.30``, ``$0.0123`` or ``$0.0000123``: three digits, no fewer cents."""
    if usd <= 0:
        return "$0"
    return f"${usd:,.{max(2, 2 - math.floor(math.log10(usd)))}f}"


def count_text(count: float) -> str:
    """Return for example ``12.3 M``, and numbers below a thousand as they are."""
    return (_scaled(count) or "0").rstrip(" ")


def _scaled(value: float) -> str:
    if value < 1000:
        return f"{value:.0f} "
    for unit in _THOUSANDS:
        if value < 999.5:
            return f"{_three_digits(value)}{unit}"
        value /= 1000
    return f"{value:.0f} P"


def _three_digits(value: float) -> str:
    """Return at most three digits: 1.23, 12.3, 123."""
    if value < 9.995:
        return f"{value:.2f}"
    if value < 99.95:
        return f"{value:.1f}"
    return f"{value:.0f}"
