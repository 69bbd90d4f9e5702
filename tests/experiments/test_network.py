"""A network of a given distance in front of a server."""

import json
import socket

import pytest

import network


def test_a_relay_hands_on_what_either_side_sends(monkeypatch):
    monkeypatch.setattr(network, "TOLERANCE", float("inf"))  # this machine may be busy
    with (
        network.valkey() as server,
        network.relayed(server, 1.0) as port,
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        connection.sendall(b"PING\r\n")
        assert connection.makefile("rb").readline() == b"+PONG\r\n"


def test_a_relay_that_is_off_by_more_than_a_tenth_stops_the_experiment(tmp_path, monkeypatch):
    figures = json.dumps({"port": 1, "direct_ms": 0.1, "relayed_ms": 1.3})
    fake = tmp_path / "relay.py"
    fake.write_text(f"import sys\nprint({figures!r}, flush=True)\nsys.stdin.read()\n")
    monkeypatch.setattr(network, "RELAY", fake)
    with (
        pytest.raises(SystemExit, match=r"should add 1 ms to a round trip and adds 1\.200"),
        network.relayed(1, 1.0),
    ):
        pass
