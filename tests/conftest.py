"""A real S3 server for all tests that want one, and what CI thinks of skipped tests."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

# Tests import what they share as tests.<folder>.<module>, from wherever pytest was started.
sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.skips import pytest_runtest_makereport  # noqa: F401  (a hook)

_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
)
_OFF = ("s3.port.iceberg", "s3.port.lance")
_IDENTITIES = {
    "identities": [
        {
            "name": "owner",
            "credentials": [{"accessKey": "owner", "secretKey": "owner-secret"}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        {
            "name": "stranger",
            "credentials": [{"accessKey": "stranger", "secretKey": "stranger-secret"}],
            "actions": ["Read:elsewhere"],
        },
    ]
}
START = {
    "max_retries": 500,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {
        "init_backoff": timedelta(milliseconds=20),
        "max_backoff": timedelta(milliseconds=200),
        "base": 2,
    },
}


@dataclass(frozen=True)
class S3Server:
    """A SeaweedFS server: its owner may do all, the stranger may read nothing."""

    endpoint: str
    _numbers: Iterator[int] = field(default_factory=count)

    def settings(self, who: str = "owner") -> dict[str, str]:
        """Return the variables with which boto, obstore and burly find the server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": who,
            "AWS_SECRET_ACCESS_KEY": f"{who}-secret",
            "AWS_REGION": "us-east-1",
        }

    def new_bucket(self) -> str:
        """Return the name of a bucket that nobody has used; the first write makes it."""
        return f"bucket-{next(self._numbers)}"

    def store(self, bucket: str) -> S3Store:
        """Return a bucket of the owner; waits for the server if it is starting."""
        return S3Store(
            bucket,
            config=self.settings(),
            client_options={"allow_http": True},
            retry_config=START,
        )


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    folder = tmp_path_factory.mktemp("s3")
    identities = folder / "identities.json"
    identities.write_text(json.dumps(_IDENTITIES))
    ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
    command = [
        str(Path(sysconfig.get_path("scripts")) / "weed"),
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-s3",
        f"-s3.config={identities}",
        "-volume.max=0",
        "-master.volumeSizeLimitMB=64",
        *(f"-{name}={port}" for name, port in ports.items()),
        *(f"-{name}=0" for name in _OFF),
    ]
    with (folder / "log").open("wb") as log, ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen(command, stdout=log, stderr=log))
        stack.callback(process.kill)
        server = S3Server(f"http://127.0.0.1:{ports['s3.port']}")
        obstore.put(server.store(server.new_bucket()), "ready", b"?")
        yield server


@pytest.fixture
def s3_environment(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The same server, and the environment says where it is."""
    for name, value in s3.settings().items():
        monkeypatch.setenv(name, value)
    return s3


def free_ports(n_ports: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n_ports)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
