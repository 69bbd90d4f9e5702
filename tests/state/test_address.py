"""URLs of state stores, and the value that travels to the workers."""

import pickle
import re

import pytest

from burly.exceptions import ConfigurationError
from burly.state.address import Location, RunAddress, mask
from burly.state.connect import connect


@pytest.mark.parametrize(
    ("url", "where", "rest"),
    [
        ("redis://cache", "cache:6379", (False, 0, None, None)),
        ("valkey://cache:7000/3", "cache:7000", (False, 3, None, None)),
        ("rediss://u:p%40ss@cache:1", "cache:1", (True, 0, "u", "p@ss")),
        ("valkeys://:secret@cache", "cache:6379", (True, 0, None, "secret")),
        ("unix:///tmp/a%20b/s", "/tmp/a b/s", (False, 0, None, None)),  # noqa: S108
        ("unix://u:p@/s?db=2", "/s", (False, 2, "u", "p")),
    ],
)
def test_a_url_says_where_and_how(url, where, rest):
    location = Location.parse(url)
    assert location.where == where
    assert (location.tls, location.db, location.username, location.password) == rest


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://cache", "no state store answers to 'http://cache': use one of redis://"),
        ("cache:6379", "no state store answers"),
        ("redis://cache:port", "port has to be a number"),
        ("redis://user:se/cret@cache", "percent-encoded"),
        ("redis://user:se?cret@cache", "/, [?], #, @ and : in a user or password"),
        ("redis://:12345/se/cret@cache", "percent-encoded"),
        ("redis://:12345?se/cret@cache", "percent-encoded"),
        ("redis://:12345#se/cret@cache", "percent-encoded"),
        ("user:se/cret@cache", "no state store answers"),
        ("redis://cache/first", "names database 'first'"),
        ("redis://cache?timeout=3", "unknown for redis://: timeout; known are db"),
        ("redis://cache?ssl_cert_reqs=none", "ssl_cert_reqs"),
        ("unix://", "names no socket"),
    ],
)
def test_a_url_that_cannot_work_is_refused(url, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        connect(RunAddress(url, "run", bytes(32), 1))
    assert not re.search("12345|cret", str(caught.value))


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("redis://cache:1/0", "redis://cache:1/0"),
        ("redis://u:p@cache", "redis://u:***@cache"),
        ("redis://:p@cache", "redis://:***@cache"),
        ("redis://u:p/q@r@cache", "redis://u:***@cache"),
        ("rediss://u:p?q@cache:1", "rediss://u:***@cache:1"),
        ("rediss://u:p#q@cache:1", "rediss://u:***@cache:1"),
        ("redis://u:p://q@cache", "redis://u:***@cache"),
        ("u:p@cache:1", "u:***@cache:1"),
        ("redis://cache#p", "redis://cache"),
        ("redis://cache?password=p", "redis://cache"),
    ],
)
def test_a_masked_url_has_no_password(url, masked):
    assert mask(url) == masked


def test_an_address_travels_whole_and_shows_no_secrets():
    address = RunAddress.new("redis://u:hidden@cache", world_size=3, memory=2)
    assert pickle.loads(pickle.dumps(address)) == address  # noqa: S301
    for shown in (repr(address), str(address), f"{address!r}"):
        assert "hidden" not in shown
        assert repr(address.secret) not in shown
    assert "hidden" not in repr(Location.parse(address.url))


def test_every_run_has_an_id_and_a_secret_of_its_own():
    one, two = (RunAddress.new("redis://cache", world_size=1) for _ in range(2))
    assert one.run_id != two.run_id
    assert one.secret != two.secret
