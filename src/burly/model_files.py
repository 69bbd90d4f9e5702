"""Model files: a header as text and plain arrays, in one ``.npz``; nothing in them is ever executed."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burly.atomic_write import replacing
from burly.exceptions import ModelFileError
from burly.states import NUMERICS_VERSION

FORMAT = "burly model"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class ModelFile:
    """What a model file holds.

    Attributes
    ----------
    kind : str
        The name of the estimator.
    header : mapping
        Parameters and results that are no arrays; JSON values.
    arrays : mapping of str to ndarray
    """

    kind: str
    header: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


def write_model(path: str | os.PathLike[str], model: ModelFile) -> None:
    """Write a model file; an existing one is replaced only once the new one is complete.

    Raises
    ------
    burly.exceptions.ModelFileError
        If it cannot be written, or the place is not on this machine.
    """
    if "://" in str(path):
        raise ModelFileError(
            f"{path} is no local file: write the model to one, and copy it from there"
        )
    target = Path(path)
    header = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "numerics": NUMERICS_VERSION,
        "kind": model.kind,
        **model.header,
    }
    try:
        with replacing(target) as partial, partial.open("wb") as file:
            np.savez(file, allow_pickle=False, header=np.array(json.dumps(header)), **model.arrays)
    except OSError as error:
        reason = error.strerror or error
        raise ModelFileError(f"cannot write the model to {target}: {reason}") from error


def read_model(path: str | os.PathLike[str]) -> ModelFile:
    """Read a model file.

    Raises
    ------
    burly.exceptions.ModelFileError
        If there is none, or it is not a model of ours, or of a later version.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        header = json.loads(str(arrays.pop("header")))
    except FileNotFoundError:
        raise ModelFileError(f"there is no model file {path}") from None
    except PermissionError as error:
        raise ModelFileError(f"cannot read the model file {path}: {error.strerror}") from error
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        # NumPy's own words would speak of its formats, and of loading without care.
        raise ModelFileError(f"{path} is not a model file of burly, or not all of one") from error
    if not isinstance(header, dict) or header.pop("format", None) != FORMAT:
        raise ModelFileError(f"{path} is not a model file of burly")
    if header.pop("version", 0) > FORMAT_VERSION:
        raise ModelFileError(f"{path} was written by a later version of burly: upgrade burly")
    return ModelFile(header.pop("kind", "file of no kind"), header, arrays)
