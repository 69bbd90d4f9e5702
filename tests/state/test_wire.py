"""The protocol, spoken with a server that says what a test wants it to say."""

import os
import socket
import threading
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.state.conftest import admin

from burly.state import wire as wires
from burly.state.address import Location
from burly.state.store import Traffic
from burly.state.wire import LostError, RefusedError, Wire


@contextmanager
def spoken_with(*pieces, scheme="redis"):
    """Yield a connection whose other end says these pieces, one after the other, and hangs up.

    A piece may be an iterator of pieces, which is asked for them when it is their turn.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection:
            for piece in pieces:
                for part in [piece] if isinstance(piece, bytes) else piece:
                    connection.sendall(part)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass

    server = threading.Thread(target=serve)
    server.start()
    location = Location.parse(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")
    wire = Wire(location, connect_s=20, answer_s=20, traffic=Traffic())
    yield wire
    wire.close()
    server.join()
    listener.close()


def encoded(value):
    if value is None:
        return b"$-1\r\n"
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, bytes):
        return b"$%d\r\n%s\r\n" % (len(value), value)
    return b"*%d\r\n" % len(value) + b"".join(map(encoded, value))


replies = st.recursive(
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


@given(values=st.lists(replies, min_size=1, max_size=4), cut=st.integers(1, 60))
def test_replies_arrive_however_the_network_cuts_them(values, cut):
    stream = b"".join(map(encoded, values))
    pieces = [stream[at : at + cut] for at in range(0, len(stream), cut)]
    with spoken_with(*pieces) as wire:
        assert [wire.receive() for _ in values] == values


@pytest.mark.parametrize("n_bytes", [(1 << 14) - 1, 1 << 14, (1 << 14) + 1, (1 << 16) + 3, 1 << 21])
def test_large_strings_arrive_between_others(n_bytes):
    large = bytes(range(256)) * (n_bytes // 256 + 1)
    values = [[b"a", large[:n_bytes], large[:n_bytes], 7], b"end"]
    with spoken_with(encoded(values[0]) + encoded(values[1])) as wire:
        assert [wire.receive(), wire.receive()] == values


def test_a_reply_that_came_soon_is_waited_for_awake_the_next_time(monkeypatch):
    monkeypatch.setattr(wires, "AWAKE_S", 20.0)
    yielded = threading.Event()
    monkeypatch.setattr(os, "sched_yield", yielded.set)

    def second():
        assert yielded.wait(20)
        yield b"+2\r\n"

    with spoken_with(b"+1\r\n", second()) as wire:
        for expected in (b"1", b"2"):
            wire.send("PING")
            assert wire.receive() == expected


@pytest.mark.parametrize(("scheme", "awake_s"), [("redis", 0.0), ("rediss", 20.0)])
def test_other_replies_are_waited_for_asleep(monkeypatch, scheme, awake_s):
    monkeypatch.setattr(wires, "AWAKE_S", awake_s)
    monkeypatch.setattr(wires, "_secured", lambda remote, _: remote)
    monkeypatch.setattr(os, "sched_yield", pytest.fail)
    with spoken_with(b"+1\r\n", b"+2\r\n", scheme=scheme) as wire:
        for expected in (b"1", b"2"):
            wire.send("PING")
            assert wire.receive() == expected


def test_an_error_reply_is_raised_with_its_code():
    with spoken_with(b"-MOVED 3999 10.0.0.1:6381\r\n+OK\r\n") as wire:
        with pytest.raises(RefusedError, match=r"MOVED 3999 10\.0\.0\.1:6381") as caught:
            wire.receive()
        assert caught.value.code == "MOVED"
        assert wire.receive() == b"OK"


@pytest.mark.parametrize(
    "nonsense", [b"HTTP/1.1 400 Bad Request\r\n", b"$many\r\n", b"$12\r\nshort"]
)
def test_what_is_not_the_protocol_is_a_lost_connection(nonsense):
    with spoken_with(nonsense) as wire, pytest.raises(LostError):
        wire.receive()


def test_a_user_without_a_password_is_told_to_the_server(embedded_url):
    with admin(embedded_url) as server:
        server.acl_setuser("guest", enabled=True, nopass=True, commands=["+acl|whoami"])
        server.acl_setuser("member", enabled=True, passwords=["+secret"])
    path = embedded_url.removeprefix("unix://")

    def connected(user):
        location = Location.parse(f"unix://{user}@{path}")
        return Wire(location, connect_s=20, answer_s=20, traffic=Traffic())

    wire = connected("guest")
    wire.send("ACL", "WHOAMI")
    assert wire.receive() == b"guest"
    wire.close()
    with pytest.raises(RefusedError, match="WRONGPASS"):
        connected("member")


@pytest.mark.parametrize("n_bytes", [0, 5, (1 << 14) + 1])
def test_a_command_is_bytes_text_and_numbers(embedded_url, n_bytes):
    body = bytes(n_bytes)
    wire = Wire(Location.parse(embedded_url), connect_s=20, answer_s=20, traffic=Traffic())
    wire.send("ECHO", body)
    assert wire.receive() == body
    wire.send("ECHO", 12)
    assert wire.receive() == b"12"
    wire.close()
