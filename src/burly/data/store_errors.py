"""What obstore raises, as errors of ours."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore import exceptions as foreign

from burly.exceptions import BurlyError, DataAccessError, DataChangedError, DataNotFoundError

_KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_HINTS = {
    "s3": "; ~/.aws is not read: `aws configure export-credentials --format env` prints what it holds",
    "gs": "; `gcloud auth application-default login` will do, too",
    "az": "",
}
_PUBLIC = {"s3": "AWS_SKIP_SIGNATURE", "gs": "GOOGLE_SKIP_SIGNATURE", "az": "AZURE_SKIP_SIGNATURE"}
_ROLE = re.compile(r"token request|/latest/(api/token|meta-data/)|http://169\.254\.170\.2/")
"""In what is said where neither the variables nor the machine have credentials."""
_SYSTEM = re.compile(r"\(os error (\d+)\)$")
"""At the end of what is said where the file system refused something."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def ours(uri: str, *, seen: bool = False, writing: bool = False) -> Iterator[None]:
    """Turn obstore's errors into ours.

    Parameters
    ----------
    uri : str
        What is read or written.
    seen : bool
        Whether the object was there before.
    writing : bool
    """
    try:
        yield
    except BurlyError:
        raise
    except foreign.PreconditionError:
        raise changed(uri) from None
    except FileNotFoundError:
        if seen:
            raise changed(uri) from None
        raise (no_bucket(uri) if writing else _nothing(uri)) from None
    except (foreign.PermissionDeniedError, foreign.UnauthenticatedError, PermissionError):
        raise no_permission(uri, writing=writing) from None
    except (foreign.BaseError, OSError) as error:
        reason = _reason(error)
        if reason.endswith("404 Not Found"):
            raise (no_bucket(uri) if writing else _nothing(uri)) from None
        if _ROLE.search(reason):
            raise DataAccessError(
                f"there are no credentials for {uri}: the environment has none, and this machine "
                f"has no role that gives them; {_remedy(_scheme(uri))}"
            ) from None
        raise _refused(uri, reason, writing=writing) from None
    except ValueError as error:  # obstore takes no control characters, among others
        raise DataAccessError(
            f"cannot use {uri!r}, which object stores would not take as a name: {_reason(error)}"
        ) from None


@contextmanager
def opening(root: str) -> Iterator[None]:
    """Turn what is wrong with the settings of a store into an error of ours."""
    try:
        yield
    except foreign.BaseError as error:
        raise DataAccessError(
            f"the settings for {root} are not complete or not right ({_reason(error)}): "
            f"{_remedy(_scheme(root))}"
        ) from None


def changed(uri: str) -> DataChangedError:
    """Return the error that an object is not the one that was seen."""
    return DataChangedError(
        f"{uri} was replaced or removed after the run had looked at it; "
        "run again when nobody writes to the data"
    )


def no_permission(uri: str, *, writing: bool) -> DataAccessError:
    """Return the error that somebody may not read or write."""
    keys = _KEYS.get(_scheme(uri))
    if keys:
        check = f"the credentials ({keys}, say) and what they allow"
    else:
        check = "the owner and mode of the folder" if writing else "its owner and mode"
    return DataAccessError(f"no permission {'to write' if writing else 'for'} {uri}: check {check}")


def no_bucket(uri: str) -> DataNotFoundError:
    """Return the error that there is nowhere to write to."""
    missing = "bucket" if _scheme(uri) in _KEYS else "folder"
    return DataNotFoundError(
        f"cannot write {uri}: there is no such {missing}; create it, or name another one"
    )


def _refused(uri: str, reason: str, *, writing: bool) -> DataAccessError:
    cannot = f"cannot {'write' if writing else 'read'} {uri}"
    system = _SYSTEM.search(reason)
    if system is None:
        check = "; check the network and the address of the store" if _scheme(uri) in _KEYS else ""
        return DataAccessError(f"{cannot}: {reason}{check}")
    number = int(system[1])
    if number in (errno.EACCES, errno.EPERM):
        return no_permission(uri, writing=writing)
    why = f"{cannot}: {os.strerror(number)}"
    if writing:
        why += f"; {'make room there, or ' if number in _FULL else ''}name another folder"
    return DataAccessError(why)


def _nothing(uri: str) -> DataNotFoundError:
    check = "the bucket and the path" if _scheme(uri) in _KEYS else "the path"
    return DataNotFoundError(f"nothing is at {uri}: check {check}")


def _scheme(uri: str) -> str:
    return uri.partition("://")[0]


def _reason(error: Exception) -> str:
    """Return the first line, which says what happened; the rest is the inside of a library."""
    return str(error).partition("\n")[0].partition(": <?xml")[0]


def _remedy(scheme: str) -> str:
    return f"set {_KEYS[scheme]}, or {_PUBLIC[scheme]}=true for what is public{_HINTS[scheme]}"
