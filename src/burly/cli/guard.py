"""What ends a command: one clear line and an exit code."""

from __future__ import annotations

import re
import shlex
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

import typer

from burly.cli.lines import say
from burly.exceptions import BurlyError

ERROR, CANCELLED, TERMINATED = 1, 130, 143
_OPTIONS = {
    "n_clusters": "--k",
    "random_state": "--seed",
    "n_workers": "--workers",
    "n_threads": "--threads",
}
_PARAMETER = re.compile(r"\b(max_iter)\b")
"""What warnings name, which have no remedies of ours: they are scikit-learn's."""


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM, which is cleaned up after as Ctrl-C is."""


@contextmanager
def guard(*, debug: bool) -> Iterator[None]:
    """Turn whatever ends a command into a line on standard error and an exit code.

    Parameters
    ----------
    debug : bool
        Let errors through, with their traceback.
    """
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            yield
    except KeyboardInterrupt as cancelled:
        left = "; ".join(getattr(cancelled, "__notes__", []))
        say(f"burly: cancelled{f': {left}' if left else ''}", error=True)
        code = TERMINATED if isinstance(cancelled, _TerminatedError) else CANCELLED
        raise typer.Exit(code) from None
    except (typer.Exit, typer.BadParameter):
        raise
    except Exception as error:
        if debug:
            raise
        if isinstance(error, BurlyError):
            _fail(error.told(in_shell))
        else:
            _fail(f"{type(error).__name__}: {_line(str(error))} (--debug shows where)")
        raise typer.Exit(ERROR) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def in_shell(name: str, value: str) -> str:
    """Write a parameter as an option."""
    if value == "False":
        return f"--no-{name.replace('_', '-')}"
    option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
    if value in ("", "True"):
        return option
    return f"{option} {shlex.quote(value)}"


def _warn(  # noqa: PLR0917  as warnings.showwarning
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del category, filename, lineno, file, line  # where it was raised is for programmers
    text = _PARAMETER.sub(lambda found: in_shell(found[1], ""), _line(str(message)))
    say(f"burly: warning: {text}", error=True)


def _fail(text: str) -> None:
    say(f"burly: error: {_line(text)}", error=True)


def _line(text: str) -> str:
    return " ".join(text.split()) or "no reason given"


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise _TerminatedError
