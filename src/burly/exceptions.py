"""What can go wrong, as one tree.

::

    BurlyError
    ├── ConfigurationError (ValueError)    a parameter or a setting that cannot work
    ├── UnsupportedProcessorError          no fused multiply-add: the bits would differ
    ├── DataError (ValueError)
    │   ├── DataNotFoundError              no such object, or a pattern that matches nothing
    │   ├── DataAccessError                the store refuses us
    │   ├── SchemaError                    unknown column, mixed header, types that do not fit
    │   ├── ParseError                     text in a number's place, ragged rows
    │   ├── NonFiniteError                 NaN or infinity
    │   └── DataChangedError               an object was replaced while a run read it
    ├── StateStoreError
    │   ├── StateStoreUnreachableError     no answer, or the connection was lost for good
    │   ├── FrameError                     a wrong tag, shape or version: never data
    │   ├── RunGoneError                   the run was finished, cancelled, or the store is new
    │   ├── RunAbortedError                somebody ended the run, and said why
    │   ├── SupersededError                a newer attempt of this rank has joined
    │   └── RoundTooLargeError             the frames of a round exceed what a store should carry
    ├── LaunchError
    │   ├── StartTimeoutError              k of n functions started
    │   └── WorkerDiedError                a function ended before its work was done
    ├── ModelFileError                     not a model of ours, or of a later format
    └── ReportError
        └── RunFileError                   not a run of ours, or of a later format

Foreign errors are turned into these where they enter: in ``data``, ``state`` and ``launchers``.

An error may carry a remedy that names parameters in braces: ``{columns}``, or ``{dtype:float64}`` with a
value. Python's users read ``columns=`` and ``dtype='float64'``; the command line shows its options instead.
"""

from __future__ import annotations

import ast
from collections.abc import Callable


class PrecisionWarning(UserWarning):
    """Numbers of a file are far from zero and close together: float32 rounds away what differs."""


WriteParameter = Callable[[str, str], str]
"""Takes the name of a parameter and a value, which may be empty, and returns them as users write them."""


class BurlyError(Exception):
    """The root of every error that burly raises on purpose: what was wrong, and what to do about it.

    Parameters
    ----------
    message : str
        What was wrong, and what was given.
    remedy : str
        What to do, with parameters in braces; text of the user's has no place in it.
    """

    def __init__(self, message: str = "", *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return self.told(in_python)

    def told(self, write: WriteParameter) -> str:
        """Return all there is to say, with parameters as ``write`` writes them."""
        if not self.remedy:
            return self.message
        return f"{self.message}; {self.remedy.format_map(_Parameters(write))}"


class _Parameters(dict[str, "_Parameter"]):
    def __init__(self, write: WriteParameter) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, name: str) -> _Parameter:
        return _Parameter(name, self._write)


class _Parameter:
    def __init__(self, name: str, write: WriteParameter) -> None:
        self._name, self._write = name, write

    def __format__(self, value: str) -> str:
        return self._write(self._name, value)


def in_python(name: str, value: str) -> str:
    """Write a parameter as in a call; a value that is no literal stands for text."""
    try:
        ast.literal_eval(value or "0")
    except (SyntaxError, ValueError):
        value = repr(value)
    return f"{name}={value}"


class ConfigurationError(BurlyError, ValueError):
    """A parameter or a setting cannot work; the message says what, got, and what to do."""


class UnsupportedProcessorError(BurlyError):
    """The processor would compute other bits than the rest of the fleet."""


class DataError(BurlyError, ValueError):
    """Something about the user's data."""


class DataNotFoundError(DataError):
    """An object does not exist, or a pattern matches nothing."""


class DataAccessError(DataError):
    """The place that holds the data refuses to give it."""


class SchemaError(DataError):
    """Columns or types are not what was asked for."""


class ParseError(DataError):
    """A file does not hold what its format promises."""


class NonFiniteError(DataError):
    """NaN or infinity where numbers are needed."""


class DataChangedError(DataError):
    """An object was replaced while a run was reading it."""


class StateStoreError(BurlyError):
    """Something about the state store."""


class StateStoreUnreachableError(StateStoreError, ConnectionError):
    """The state store does not answer."""


class FrameError(StateStoreError):
    """A frame failed its check: it is an error, never data."""


class RunGoneError(StateStoreError):
    """The run's key is not in the store: finished, cancelled, or the store is another one."""


class RunAbortedError(StateStoreError):
    """The run was ended before it was done; the message says why."""


class SupersededError(StateStoreError):
    """A newer attempt of the same rank has joined: this one has nothing left to do."""


class RoundTooLargeError(StateStoreError):
    """The frames of one round are together larger than a round may be."""


class LaunchError(BurlyError):
    """Functions could not be started, or ended too early."""


class StartTimeoutError(LaunchError):
    """Fewer functions started in time than the run needs."""


class WorkerDiedError(LaunchError):
    """A function ended before its work was done."""


class ModelFileError(BurlyError, ValueError):
    """A model file cannot be read."""


class ReportError(BurlyError):
    """A report cannot be made."""


class RunFileError(ReportError, ValueError):
    """A run file cannot be read or written."""


def describe(error: BaseException) -> str:
    """Return an error as one line for people."""
    return f"{type(error).__name__}: {error}"
