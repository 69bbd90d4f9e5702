"""Data in Azure Blob Storage, as Azurite serves it; skipped where Azurite is not installed."""

import base64
import hashlib
import hmac
import http.client
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from email.utils import formatdate

import obstore
import pytest
from obstore.store import AzureStore
from tests.conftest import START, free_ports
from tests.data.reading import read_all
from tests.data.stored import check_format_is_read, check_labels_are_written

from burly import Dataset
from burly.exceptions import DataAccessError, DataChangedError, DataNotFoundError

# .ci/run installs it into the environment.
AZURITE = shutil.which("azurite-blob") or shutil.which(
    "azurite-blob", path=f"{sys.prefix}/azurite/node_modules/.bin"
)
pytestmark = pytest.mark.skipif(
    AZURITE is None, reason="needs azurite-blob: npm install -g azurite"
)

ACCOUNT, KEY, BOX = "burly", base64.b64encode(b"a key of the tests").decode(), "box"
VERSION = "2021-08-06"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    (port,) = free_ports(1)
    place = f"http://127.0.0.1:{port}/{ACCOUNT}"
    options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--skipApiVersionCheck"]
    folder = tmp_path_factory.mktemp("azure")
    with subprocess.Popen(
        [AZURITE, *options, "--silent", "--disableTelemetry", "--location", folder],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
    ) as process:
        try:
            with suppress(FileNotFoundError):  # there is a server, and no container yet
                obstore.head(store_at(place), "ready")
            make_container(port)
            yield place
        finally:
            process.kill()


def store_at(place):
    return AzureStore(
        BOX,
        config=settings_for(place),
        client_options={"allow_http": True},
        retry_config=START,
    )


def settings_for(place):
    return {
        "AZURE_STORAGE_ENDPOINT": place,
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": KEY,
    }


def make_container(port):
    """Send the one request that obstore has no function for, signed with the account's key."""
    date = formatdate(usegmt=True)
    resource = f"/{ACCOUNT}/{ACCOUNT}/{BOX}\nrestype:container"
    told = f"PUT{12 * chr(10)}x-ms-date:{date}\nx-ms-version:{VERSION}\n{resource}"
    signature = hmac.digest(base64.b64decode(KEY), told.encode(), hashlib.sha256)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(
        "PUT",
        f"/{ACCOUNT}/{BOX}?restype=container",
        headers={
            "x-ms-date": date,
            "x-ms-version": VERSION,
            "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(signature).decode()}",
        },
    )
    assert connection.getresponse().status == 201
    connection.close()


@pytest.fixture
def store(endpoint, monkeypatch):
    for name, value in settings_for(endpoint).items():
        monkeypatch.setenv(name, value)
    return store_at(endpoint)


@pytest.mark.parametrize("name", ["x.npy", "x.csv", "x.parquet"])
def test_every_format_is_read(store, name):
    check_format_is_read(store, f"az://{BOX}", name)


def test_labels_are_written_beside_the_data(store):
    check_labels_are_written(store, f"az://{BOX}")


def test_what_cannot_be_read_is_told(store, monkeypatch):
    obstore.put(store, "one.csv", b"a,b\n1,2\n")
    with pytest.raises(DataNotFoundError, match=f"nothing is at az://{BOX}/none.csv"):
        Dataset(f"az://{BOX}/none.csv").resolve()
    data = Dataset(f"az://{BOX}/one.csv").resolve()
    obstore.put(store, "one.csv", b"a,b\n3,4\n")
    with pytest.raises(DataChangedError, match="was replaced"):
        read_all(data)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", base64.b64encode(b"a stranger").decode())
    with pytest.raises(DataAccessError, match="AZURE_STORAGE_ACCOUNT_KEY"):
        Dataset(f"az://{BOX}/one.csv").resolve()
