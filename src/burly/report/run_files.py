"""Run files: a run as JSON, for later reports and for other programs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args

from burly.events import Event, Launched, Price
from burly.exceptions import RunFileError
from burly.replacing import replacing

FORMAT = "burly run"
FORMAT_VERSION = 1

_KINDS = {kind.__name__: kind for kind in get_args(Event)}


def to_json(run: Mapping[str, Any], events: list[Event]) -> str:
    """Return a run as JSON: what it says of itself, and its events one a line.

    Parameters
    ----------
    run : mapping
        JSON values, and settings of any kind under "settings".
    events : list of Event
    """
    settings = {name: _plain(value) for name, value in run["settings"].items()}
    said = {"format": FORMAT, "version": FORMAT_VERSION, **run, "settings": settings}
    head = json.dumps(said, allow_nan=False)
    lines = ",\n".join(json.dumps(_entry(event), allow_nan=False) for event in events)
    return f'{head[:-1]},\n"events": [\n{lines}\n]}}\n'


def from_json(text: str, name: str) -> tuple[Mapping[str, Any], list[Event]]:
    """Return what `to_json` was given.

    Raises
    ------
    burly.exceptions.RunFileError
        If it is no run file, or one of a later version; the message calls it ``name``.
    """
    try:
        content = json.loads(text)
        is_ours, version = content.pop("format") == FORMAT, content.pop("version")
        events = content.pop("events")
        if is_ours and version <= FORMAT_VERSION:
            return content, [_event(entry) for entry in events]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RunFileError(f"{name} is not a run file of burly ({_HINT})") from error
    if is_ours:
        raise RunFileError(f"{name} was written by a later version of burly: upgrade burly")
    raise RunFileError(f"{name} is not a run file of burly ({_HINT})")


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a file that people keep; an existing one is replaced only once the new one is complete.

    Raises
    ------
    burly.exceptions.RunFileError
        If it cannot be written.
    """
    target = Path(path)
    try:
        with replacing(target) as partial:
            partial.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise RunFileError(f"cannot write {target}: {why}") from error


def read_text(path: str | os.PathLike[str]) -> str:
    """Return what a run file holds.

    Raises
    ------
    burly.exceptions.RunFileError
        If there is none, or it is not text.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RunFileError(f"there is no run file {path} ({_HINT})") from None
    except UnicodeDecodeError:
        raise RunFileError(f"{path} is not a run file of burly ({_HINT})") from None
    except OSError as error:
        raise RunFileError(f"cannot read {path}: {error}") from error


def _entry(event: Event) -> dict[str, Any]:
    """Return an event as JSON values; figures that are no numbers, which JSON lacks, are left out."""
    values = {"event": type(event).__name__, **asdict(event)}
    if "figures" in values:
        figures = values["figures"].items()
        values["figures"] = {name: value for name, value in figures if math.isfinite(value)}
    return values


def _plain(value: Any) -> Any:
    """Return a setting as a JSON value; infinity is one as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _event(entry: Mapping[str, Any]) -> Event:
    values = dict(entry)
    kind = _KINDS[values.pop("event")]
    if kind is Launched and values.get("price"):
        values["price"] = Price(**values["price"])
    known = {field.name for field in fields(kind)}
    event: Event = kind(**{name: value for name, value in values.items() if name in known})
    return event


_HINT = "model.run_.save('run.json') and `burly fit ... --run run.json` write one"
