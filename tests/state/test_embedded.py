"""The embedded server comes up, is ours alone, and never outlives the client."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.state.conftest import admin, answers

from burly.exceptions import LaunchError
from burly.state import embedded
from burly.state.address import Location
from burly.state.embedded import EmbeddedServer
from burly.state.valkey_connection import inspect_server
from burly.testing import PATIENCE_S


def socket_of(url):
    return Path(Location.parse(url).path)


def test_it_answers_until_it_is_stopped():
    with EmbeddedServer() as server:
        info = inspect_server(server.url)
        assert (info.software, info.is_cluster, info.may_evict) == ("valkey", False, False)
        assert info.round_trip_s > 0
        url = server.url
    assert not answers(url)
    assert not socket_of(url).parent.exists()


def test_only_this_user_can_reach_it():
    with EmbeddedServer() as server:
        path = socket_of(server.url)
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        with admin(server.url) as client:
            assert client.config_get("port") == {"port": "0"}


def test_it_writes_nothing_to_disk():
    with EmbeddedServer() as server:
        with admin(server.url) as client:
            client.set("a", "b")
            assert client.config_get("save") == {"save": ""}
            assert client.config_get("appendonly") == {"appendonly": "no"}
        files = {path.name for path in socket_of(server.url).parent.iterdir()}
        assert files == {"s", "log"}


def test_a_killed_client_leaves_no_server():
    program = (
        "from burly.state.embedded import EmbeddedServer\n"
        "import sys\n"
        "server = EmbeddedServer().start()\n"
        "print(server.url, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        url = client.stdout.readline().strip()
        assert answers(url)
        client.kill()
    deadline = time.monotonic() + PATIENCE_S
    while answers(url) or socket_of(url).parent.exists():
        assert time.monotonic() < deadline


def test_a_long_temporary_folder_does_not_break_the_socket(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with EmbeddedServer() as server:
        assert answers(server.url)
        assert len(str(socket_of(server.url))) < 100


def test_a_server_that_does_not_come_up_is_told_with_its_last_words(monkeypatch):
    monkeypatch.setattr(embedded, "_arguments", lambda _: ["--no-such-setting", "1"])
    with pytest.raises(LaunchError, match="no-such-setting"):
        EmbeddedServer(start_timeout_s=0.3).start()


def test_without_a_server_for_this_machine_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    with pytest.raises(LaunchError, match="pass state='redis://HOST:PORT'"):
        EmbeddedServer().start()


def test_it_stops_though_a_fork_of_the_client_keeps_its_pipe_open():
    server = EmbeddedServer().start()
    url = server.url
    kept = os.dup(server._parent.stdin.fileno())
    try:
        server.stop()
    finally:
        os.close(kept)
    assert not answers(url)
    assert not socket_of(url).parent.exists()


def test_it_is_killed_where_it_does_not_stop(monkeypatch):
    monkeypatch.setattr(embedded, "_STOP_S", 0.1)
    monkeypatch.setattr(embedded, "_PARENT", embedded._PARENT.replace("kill", "sleep 600; kill"))
    server = EmbeddedServer().start()
    url = server.url
    server.stop()
    assert not answers(url)
    assert not socket_of(url).parent.exists()


def test_stopping_twice_is_harmless():
    server = EmbeddedServer().start()
    server.stop()
    server.stop()
