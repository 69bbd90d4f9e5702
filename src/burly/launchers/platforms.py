"""From the vCPUs that are wanted to what a platform sells: its table is ``platforms.toml``."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from burly.events import Price
from burly.exceptions import ConfigurationError


@dataclass(frozen=True, slots=True)
class Size:
    """What one function gets.

    Attributes
    ----------
    vcpus : float
    memory_mb : int
    settings : mapping of str to number
        What Lithops calls that, in the backend's section of its configuration.
    """

    vcpus: float
    memory_mb: int
    settings: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Granted:
    """What one function has; 0 where nobody says."""

    vcpus: float
    memory_mb: int


@cache
def table() -> Mapping[str, Mapping[str, Any]]:
    """Return what is known of each Lithops backend."""
    text = resources.files("burly.launchers").joinpath("platforms.toml").read_text("utf-8")
    return tomllib.loads(text)


def max_workers(backend: str) -> int | None:
    """Return how many functions a platform runs at once at most, where it has such a limit."""
    limit: int | None = table().get(backend, {}).get("max_workers")
    return limit


def longest_s(backend: str) -> int | None:
    """Return how long a function may run at most, where burly has to ask for it."""
    longest: int | None = table().get(backend, {}).get("timeout_s")
    return longest


def size(backend: str, vcpus: float, memory_mb: int | None = None) -> Size:
    """Return the function that has these vCPUs, and at least this memory.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If the platform sells no such function, or is not in the table.
    """
    platform = table().get(backend)
    if platform is None:
        raise ConfigurationError(
            f"vcpus={vcpus:g} cannot be turned into a size for the Lithops backend {backend!r}, "
            f"which burly has no table for (it has {', '.join(sorted(table()))}): leave vcpus out, "
            "and set the size in the backend's section of the Lithops configuration"
        )
    if "sizes" in platform:
        return _from_list(platform, vcpus, memory_mb)
    return _from_memory(platform, vcpus, memory_mb)


def granted(backend: str, section: Mapping[str, Any]) -> Granted:
    """Return what a function has, by its backend's section of a Lithops configuration."""
    memory_mb = int(section.get("runtime_memory") or 0)
    per_vcpu = table().get(backend, {}).get("mb_per_vcpu")
    vcpus = memory_mb / per_vcpu if per_vcpu else float(section.get("runtime_cpu") or 0)
    return Granted(vcpus, memory_mb)


def price(backend: str, section: Mapping[str, Any]) -> Price | None:
    """Return what a function costs; None where the table has no price, or its size is not known.

    Parameters
    ----------
    backend : str
    section : mapping
        The backend's section of a Lithops configuration, complete.
    """
    platform = table().get(backend, {})
    size = granted(backend, section)
    if "price" not in platform or not (size.vcpus and size.memory_mb):
        return None
    listed = platform["price"] | platform["price"].get(section.get("architecture"), {})
    per_million_s = (
        size.vcpus * listed.get("per_million_vcpu_s", 0.0)
        + size.memory_mb / 1024 * listed["per_million_gib_s"]
    )
    return Price(
        platform=platform["name"],
        usd_per_s=per_million_s / 1e6,
        usd_per_start=listed.get("per_million_starts", 0.0) / 1e6,
        rounding_s=listed.get("rounding_s", 0.0),
        source=listed["source"],
        as_of=listed["as_of"].isoformat(),
    )


def _from_memory(platform: Mapping[str, Any], vcpus: float, memory_mb: int | None) -> Size:
    """Where memory and vCPUs come in one fixed ratio."""
    per_vcpu: int = platform["mb_per_vcpu"]
    step: int = platform.get("memory_step_mb", 1)
    least, most = platform["memory_mb"]
    needed = max(vcpus * per_vcpu, memory_mb or 0)
    granted = max(least, math.ceil(needed / step) * step)
    # Six vCPUs are what the largest function of AWS shows; its memory pays for 5.79 of them.
    if granted > most and vcpus <= math.ceil(most / per_vcpu) and (memory_mb or 0) <= most:
        granted = most
    if granted > most:
        raise ConfigurationError(
            f"{platform['name']} has at most {most} MB and {most / per_vcpu:.2f} vCPUs per function, "
            f"got vcpus={vcpus:g}{_and_memory(memory_mb)}: use more, smaller workers"
        )
    return Size(granted / per_vcpu, granted, {"runtime_memory": granted})


def _from_list(platform: Mapping[str, Any], vcpus: float, memory_mb: int | None) -> Size:
    """Where a function's vCPUs are one of a few, each with its range of memory."""
    choice = next((entry for entry in platform["sizes"] if entry["vcpus"] == vcpus), None)
    if choice is None:
        sold = ", ".join(f"{entry['vcpus']:g}" for entry in platform["sizes"])
        raise ConfigurationError(
            f"{platform['name']} has functions of {sold} vCPUs, got vcpus={vcpus:g}: "
            "use one of these"
        )
    least, most = choice["memory_mb"]
    needed = max(least, memory_mb or min(most, int(vcpus * platform["preferred"])))
    values = platform.get("memory_values", [needed])
    granted = next((value for value in values if value >= needed), most + 1)
    if granted > most:
        raise ConfigurationError(
            f"{platform['name']} has at most {most} MB for {vcpus:g} vCPUs, "
            f"got memory_mb={memory_mb}: use more workers, or more vCPUs per worker"
        )
    return Size(vcpus, granted, {"runtime_memory": granted, "runtime_cpu": choice["vcpus"]})


def _and_memory(memory_mb: int | None) -> str:
    return f" and memory_mb={memory_mb}" if memory_mb else ""
