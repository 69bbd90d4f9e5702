"""Temporary data of a run in its launcher's storage: uploaded arrays, and outputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from burly.data.outputs import OutputWriter
from burly.data.resolved import ResolvedDataset
from burly.data.storage import Credentials
from burly.data.upload import remove_upload, upload
from burly.exceptions import ConfigurationError
from burly.launchers.base import Job
from burly.launchers.ending import afterwards

Outputs = dict[str, NDArray[Any]]

S3_SETTINGS = {
    "access_key_id": "AWS_ACCESS_KEY_ID",
    "secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "session_token": "AWS_SESSION_TOKEN",
    "region": "AWS_REGION",
    "endpoint": "AWS_ENDPOINT_URL",
}
"""What Lithops calls the settings of an S3 storage, and what they are called everywhere else."""


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere in the launcher's storage that nothing else uses."""

    uri: str
    credentials: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Belongings:
    """What the workers read and write.

    Attributes
    ----------
    data : ResolvedDataset
        Where workers can read it.
    writer : OutputWriter or None
        None: outputs are not wanted.
    gather : callable
        Returns the outputs that come back to the client; call it when all ranks have left.
    """

    data: ResolvedDataset
    writer: OutputWriter | None
    gather: Callable[[], Outputs]


def place_in(config: Mapping[str, Any], folder: str, run_id: str) -> Place:
    """Return a place for a run in the storage that a Lithops configuration names.

    Parameters
    ----------
    config : mapping
        Of an executor, complete.
    folder : str
        Where Lithops keeps what it calls localhost storage.
    run_id : str

    Raises
    ------
    burly.exceptions.ConfigurationError
        If burly cannot write to that storage.
    """
    kind = config["lithops"]["storage"]
    section = config[kind]
    bucket = section["storage_bucket"]
    if kind == "localhost":
        return Place(f"{folder}/{bucket}/burly/{run_id}", None)
    if kind not in {"aws_s3", "minio", "ceph"}:
        raise ConfigurationError(
            f"arrays travel through the storage of Lithops, and burly cannot use {kind!r} for that "
            "(only localhost, aws_s3, minio and ceph): write the array to files in object storage "
            "and give a Dataset"
        )
    settings = {
        ours: section[theirs] for theirs, ours in S3_SETTINGS.items() if section.get(theirs)
    }
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if kind == "aws_s3" and endpoint:
        settings["AWS_ENDPOINT_URL"] = endpoint
    return Place(f"s3://{bucket}/burly/{run_id}", Credentials(settings))


@contextmanager
def belongings(job: Job, place: Callable[[], Place]) -> Iterator[Belongings]:
    """Put what workers need where they reach it, and remove at the end what is the run's own.

    Parameters
    ----------
    job : Job
    place : callable
        Returns where arrays may go; called only if there are any.
    """
    out = job.data.writer(job.out) if job.out is not None else None
    if out is not None:
        out.prepare()
    if not job.data.info.in_memory:
        with _written(out) as gather:
            yield Belongings(job.data, out, gather)
        return
    here = place()
    with afterwards(lambda: remove_upload(here.uri, credentials=here.credentials)):
        data = replace(
            upload(job.data, f"{here.uri}/rows", credentials=here.credentials),
            credentials=here.credentials,
        )
        if out is not None:
            with _written(out) as gather:
                yield Belongings(data, out, gather)
        else:
            writer = data.writer(f"{here.uri}/outputs", file_format="npz")
            yield Belongings(data, writer, writer.gather)


@contextmanager
def _written(out: OutputWriter | None) -> Iterator[Callable[[], Outputs]]:
    """Check outputs that stay where they are; of a run that failed, remove them."""
    if out is None:
        yield dict
        return

    def finish() -> Outputs:
        out.finish()
        return {}

    with out.removed_if_failed():
        yield finish
