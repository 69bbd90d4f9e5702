"""What ends a command: one clear line and an exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from burly.exceptions import BurlyError

ERROR, CANCELLED, TERMINATED = 1, 130, 143


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
        yield
    except KeyboardInterrupt as cancelled:
        _say("cancelled: no worker is left, and nothing in the state store")
        code = TERMINATED if isinstance(cancelled, _TerminatedError) else CANCELLED
        raise typer.Exit(code) from None
    except (typer.Exit, typer.BadParameter):
        raise
    except Exception as error:
        if debug:
            raise
        text = " ".join(str(error).split()) or "no reason given"
        if isinstance(error, BurlyError):
            _say(f"error: {text}")
        else:
            _say(f"error: {type(error).__name__}: {text} (--debug shows where)")
        raise typer.Exit(ERROR) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise _TerminatedError


def _say(text: str) -> None:
    sys.stderr.write(f"burly: {text}\n")
