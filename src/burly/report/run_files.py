"""Run files: a run as JSON, for later reports and for other programs."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from burly.atomic_write import replacing
from burly.events import Event, Launched, Price
from burly.exceptions import RunFileError

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
        If it is no run file, one of a later version, or one with a field that cannot be what it is;
        the message calls it ``name``.
    """
    try:
        content = json.loads(text)
        is_ours, version = content.pop("format") == FORMAT, content.pop("version")
        is_known = is_ours and version <= FORMAT_VERSION
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise RunFileError(f"{name} is not a run file of burly ({_HINT})") from None
    if is_known:
        try:
            return _head(content), [
                _event(entry, number) for number, entry in enumerate(_events(content), 1)
            ]
        except _DamagedError as damage:
            raise RunFileError(
                f"{name} is a run file of burly, but was changed or damaged: {damage} ({_HINT})"
            ) from None
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


# --- what a file may say ----------------------------------------------------------------------------
class _DamagedError(ValueError):
    """Says which field of a run file cannot be what it is."""


MOST = 1e11
"""No time or quantity with a fraction reaches it: seconds since 1970 do in the year 5138."""


def _head(content: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(content.get("settings") or {}, dict):
        raise _DamagedError(_unlike("settings", content["settings"], "names with values"))
    for name, kind in (("task", str), ("init", str), ("seed", int)):
        _check(content.get(name), kind | None, name)
    return content


def _events(content: Mapping[str, Any]) -> list[Any]:
    events = content.get("events")
    if not isinstance(events, list):
        raise _DamagedError(_unlike("events", events, "a list"))
    return events


def _event(entry: Any, number: int) -> Event:
    """Return the event of an entry, which is the ``number``-th."""
    kind = _KINDS.get(str(entry.get("event"))) if isinstance(entry, dict) else None
    if kind is None:
        raise _DamagedError(f"event {number} is of no kind that burly knows")
    values = dict(entry)
    where = f"event {number}, {kind.__name__}"
    if kind is Launched and values.get("price") is not None:
        values["price"] = _made(Price, values["price"], f"{where}: price")
    event: Event = _made(kind, values, where)
    return event


def _made(kind: type[Any], values: Any, where: str) -> Any:
    """Return a dataclass of what JSON has for it; what a later version added is left out."""
    if not isinstance(values, dict):
        raise _DamagedError(_unlike(where, values, "names with values"))
    wanted = get_type_hints(kind)
    for field in fields(kind):
        if field.name in values:
            _check(values[field.name], wanted[field.name], f"{where}: {field.name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise _DamagedError(f"{where}: {field.name} is missing")
    return kind(**{name: value for name, value in values.items() if name in wanted})


def _check(value: Any, wanted: Any, where: str) -> None:
    """Refuse a value that is not of a field's type, or too large for what burly makes of it."""
    if wanted is float and not (_is_number(value) and abs(value) < MOST):
        raise _DamagedError(_unlike(where, value, "a number of a size that makes sense"))
    if wanted is int and not (type(value) is int and 0 <= value < 2**63):
        raise _DamagedError(_unlike(where, value, "a whole number, 0 or more"))
    if wanted is str and not isinstance(value, str):
        raise _DamagedError(_unlike(where, value, "text"))
    if wanted == str | None and value is not None:
        _check(value, str, where)
    if wanted == int | None and not (value is None or type(value) is int):
        raise _DamagedError(_unlike(where, value, "a whole number"))
    if wanted == Mapping[str, float] and not (
        isinstance(value, dict) and all(_is_number(each) for each in value.values())
    ):
        raise _DamagedError(_unlike(where, value, "names with finite numbers"))


def _is_number(value: Any) -> bool:
    """Whether a value is a finite number that a float holds."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def _unlike(where: str, value: Any, wanted: str) -> str:
    shown = repr(value)
    if len(shown) > MOST_SHOWN:
        shown = f"{shown[:MOST_SHOWN]}..."
    return f"{where} is {shown}, not {wanted}"


MOST_SHOWN = 60
"""Characters of a wrong value that a message repeats."""
_HINT = "model.run_.save('run.json') and `burly fit ... --run run.json` write one"
