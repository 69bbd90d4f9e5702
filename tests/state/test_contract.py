"""Every state store keeps the contract."""

import pytest

from burly.state.memory import MemoryRun, MemoryStateStore
from burly.testing import RunUnderTest, StateStoreContract


class InMemory(RunUnderTest):
    gathers = False
    cannot = frozenset(
        {
            "lose_everything",
            "cut_a_waiter",
            "let_time_pass",
            "time_to_live_s",
            "count_keys",
            "tamper",
        }
    )

    def __init__(self, **settings):
        super().__init__()
        self.run = MemoryRun(**settings)

    def connect(self):
        return MemoryStateStore(self.run)


class TestMemory(StateStoreContract):
    def make_run(self, *, world_size, memory, lease_s):
        return InMemory(world_size=world_size, memory=memory, lease_s=lease_s)


class OnAServer(StateStoreContract):
    def make_run(self, **settings):
        return self.run_class(self.url, self.admin_url, **settings)


class TestEmbeddedValkey(OnAServer):
    @pytest.fixture(autouse=True)
    def _server(self, embedded_url, server_run):
        self.url, self.admin_url, self.run_class = embedded_url, None, server_run


class TestRedis(OnAServer):
    @pytest.fixture(autouse=True)
    def _server(self, redis_url, server_run):
        self.url, self.admin_url, self.run_class = redis_url, None, server_run


class TestClusterOfOneNode(OnAServer):
    @pytest.fixture(autouse=True)
    def _server(self, cluster_url, server_run):
        self.url, self.admin_url, self.run_class = cluster_url, None, server_run


class TestRedisWithTLSAndAnACLUser(OnAServer):
    @pytest.fixture(autouse=True)
    def _server(self, tls_url, server_run):
        (self.admin_url, self.url), self.run_class = tls_url, server_run
