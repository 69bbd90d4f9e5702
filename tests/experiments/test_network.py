"""A network of a given distance in front of a server."""

import json
import socket

import pytest

import emulation
import network


def test_a_relay_hands_on_what_either_side_sends(monkeypatch):
    monkeypatch.setattr(emulation, "TOLERANCE", float("inf"))  # this machine may be busy
    with (
        network.valkey() as server,
        network.relayed(server, 1.0) as distance,
        socket.create_connection(("127.0.0.1", distance.port)) as connection,
    ):
        connection.sendall(b"PING\r\n")
        assert connection.makefile("rb").readline() == b"+PONG\r\n"


def test_a_relay_that_is_off_by_more_than_a_tenth_stops_the_experiment(tmp_path, monkeypatch):
    figures = json.dumps({"port": 1, "added_ms": [1.0, 1.2, 1.3]})
    fake = tmp_path / "relay.py"
    fake.write_text(f"import sys\nprint({figures!r}, flush=True)\nsys.stdin.read()\n")
    monkeypatch.setattr(network, "RELAY", fake)
    with (
        pytest.raises(SystemExit, match=r"for 1 should be 1 and is 1\.000, 1\.200, 1\.300"),
        network.relayed(1, 1.0),
    ):
        pass
