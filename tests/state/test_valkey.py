"""What only a server does: commands, eviction, scripts, and getting lost."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest
from tests.state.conftest import admin, cluster_of, free_port, running, valkey_binary

from burly.contributions import Part, Reducer, Step
from burly.exceptions import (
    ConfigurationError,
    FrameError,
    RoundTooLargeError,
    StateStoreError,
    StateStoreUnreachableError,
)
from burly.rounds import Rounds
from burly.state.address import RunAddress
from burly.state.connect import connect
from burly.state.store import ContributionMessage, Gathered, Pending, StateMessage
from burly.state.valkey_connection import inspect_server
from burly.states import State
from burly.testing import PATIENCE_S

N_ROUNDS = 10


def first_state(k=1, d=1):
    return StateMessage(0, 1, State("p", {"n": np.array(0), "centres": np.zeros((k, d))}))


def rank_of_a_run(address, rank, k, d):
    """Take part in a run; return this rank's traffic at the end."""
    store = connect(address)
    rounds = Rounds(store, rank=rank, world_size=address.world_size, wait_s=PATIENCE_S)
    state = rounds.receive()
    sums = Part(Reducer.SUM, np.full((k, d), rank, dtype=np.int64))
    while not state.done:
        state = rounds.exchange(Step({"sums": sums}), add)
    rounds.leave()
    store.close()
    return store.traffic


def add(states, totals):
    number = int(states[-1]["n"]) + 1
    arrays = {"n": np.array(number), "centres": states[-1]["centres"] + totals["sums"]}
    return State("p", arrays, done=number == N_ROUNDS)


class Monitor:
    """Counts the commands that clients send, by the address they send from."""

    def __init__(self, url):
        self._admin = admin(url)
        self._url = url
        self.counts = Counter()

    def __enter__(self):
        self._monitor = self._admin.monitor().__enter__()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        return self

    def _listen(self):
        for command in self._monitor.listen():
            if command["command"].startswith("ECHO the-end"):
                return
            if command["client_type"] != "lua":
                self.counts[command["client_address"], command["client_port"]] += 1

    def __exit__(self, *error):
        with admin(self._url) as client:
            client.execute_command("ECHO", "the-end")
        self._thread.join(PATIENCE_S)
        self._monitor.__exit__(*error)
        self._admin.close()


@pytest.mark.parametrize(("k", "d"), [(10, 8), (1000, 32)])
@pytest.mark.parametrize("world_size", [1, 2, 5])
def test_a_worker_sends_at_most_three_commands_a_round(tcp_url, world_size, k, d):
    address = RunAddress(tcp_url, "run", bytes(32), world_size)
    client = connect(address)
    client.open(first_state(k, d))
    with Monitor(tcp_url) as monitor, ThreadPoolExecutor(world_size) as threads:
        work = [threads.submit(rank_of_a_run, address, rank, k, d) for rank in range(world_size)]
        traffic = [future.result(PATIENCE_S) for future in work]
    # HELLO, join and latest before the rounds, leave after them; the monitor also sees its own end.
    counts = sorted(monitor.counts.values())[-world_size:]
    assert counts == sorted(worker.commands for worker in traffic)
    assert max(counts) <= 3 * N_ROUNDS + 4
    # Two: contribute, and wait or publish.
    assert sum(counts) <= world_size * (2 * N_ROUNDS + 4) + N_ROUNDS
    client.clear()
    client.close()
    with admin(tcp_url) as server:
        assert server.dbsize() == 0


@pytest.mark.parametrize("policy", ["volatile-lru", "allkeys-lru", "volatile-ttl"])
def test_a_server_that_may_drop_states_is_refused(tcp_url, policy):
    with admin(tcp_url) as server:
        server.config_set("maxmemory-policy", policy)
        try:
            store = connect(RunAddress(tcp_url, "run", bytes(32), 1))
            with pytest.raises(ConfigurationError, match=f"{policy}; set its maxmemory-policy"):
                store.open(first_state())
            assert inspect_server(tcp_url).may_evict
            assert server.dbsize() == 0
            store.close()
        finally:
            server.config_set("maxmemory-policy", "noeviction")


@pytest.mark.parametrize(
    ("world_size", "d", "memory", "is_gathered"),
    [(3, 1, 0, True), (3, 5000, 0, False), (9, 1, 0, False), (3, 1, 1, False)],
)
def test_small_rounds_of_few_ranks_are_gathered(tcp_url, world_size, d, memory, is_gathered):
    address = RunAddress(tcp_url, "run", bytes(32), world_size, memory=memory)
    first, *others = [connect(address) for _ in range(world_size)]
    first.open(first_state())
    part = Part(Reducer.SUM, np.zeros(d, dtype=np.int64))
    for rank, store in enumerate([first, *others]):
        store.join(rank, 0)
        store.contribute(ContributionMessage(0, 1, rank, 0, {"x": part}))
    assert isinstance(first.outcome(2, 0.01), Gathered) == is_gathered
    first.clear()
    for store in (first, *others):
        store.close()


def test_a_round_that_is_called_complete_and_is_not_is_refused(tcp_url):
    address = RunAddress(tcp_url, "run", bytes(32), 2)
    store = connect(address)
    store.open(first_state())
    store.join(0, 0)
    store.contribute(ContributionMessage(0, 1, 0, 0, {"x": Part(Reducer.SUM, np.array([1]))}))
    with admin(tcp_url) as server:
        server.xadd("burly:{run}:0:gathered", {"0": "own"}, id="1-0")
    with pytest.raises(FrameError, match=r"ranks \[0\], and there are 2"):
        store.outcome(2, PATIENCE_S)
    store.clear()
    store.close()


def test_a_large_round_is_read_by_all_threads(tcp_url):
    address = RunAddress(tcp_url, "run", bytes(32), 4)
    stores = [connect(address, n_threads=3) for _ in range(4)]
    stores[0].open(first_state())
    rows = np.random.default_rng(0).integers(1 << 40, size=(4, 50_000))
    for rank, store in enumerate(stores):
        store.join(rank, 0)
        part = Part(Reducer.SUM, rows[rank])
        answer = store.contribute(ContributionMessage(0, 1, rank, 0, {"x": part}))
    assert [message.rank for message in answer.messages] == [0, 1, 2, 3]
    for message in answer.messages:
        assert np.array_equal(message.contribution["x"].array, rows[message.rank])
    with admin(tcp_url) as server:
        frame = bytearray(server.hget("burly:{run}:0:contributions", "1"))
        frame[1000] ^= 1
        server.hset("burly:{run}:0:contributions", "1", bytes(frame))
    with pytest.raises(FrameError, match="tag of a frame"):
        stores[3].contribute(ContributionMessage(0, 1, 3, 0, {"x": part}))
    stores[0].clear()
    for store in stores:
        store.close()


def test_scripts_that_the_server_forgot_are_sent_again(tcp_url):
    store = connect(RunAddress(tcp_url, "run", bytes(32), 2))
    store.open(first_state())
    with admin(tcp_url) as server:
        server.script_flush()
    store.join(0, 0)
    part = Part(Reducer.SUM, np.array([1]))
    assert store.contribute(ContributionMessage(0, 1, 0, 0, {"x": part})) == Pending()
    store.clear()
    store.close()


def gathered(stores, round_):
    for rank, store in enumerate(stores):
        part = Part(Reducer.SUM, np.array([1]))
        answer = store.contribute(ContributionMessage(0, round_, rank, 0, {"x": part}))
    assert isinstance(answer, Gathered)
    return answer


@pytest.fixture
def two_ranks(tcp_url):
    address = RunAddress(tcp_url, "run", bytes(32), 2)
    stores = [connect(address) for _ in range(2)]
    stores[0].open(first_state())
    for rank, store in enumerate(stores):
        store.join(rank, 0)
    yield stores
    stores[0].clear()
    for store in stores:
        store.close()


def test_a_post_whose_script_was_forgotten_is_followed_by_one_that_arrives(tcp_url, two_ranks):
    _, one = two_ranks
    gathered(two_ranks, 1)
    with admin(tcp_url) as server:
        server.script_flush()
    one.post(StateMessage(0, 2, first_state().state))
    gathered(two_ranks, 2)
    one.post(StateMessage(0, 3, first_state().state))
    gathered(two_ranks, 3)
    assert one.latest(1)[0].round == 3


def test_a_post_that_is_refused_is_an_error_of_the_next(tcp_url):
    with admin(tcp_url) as server:
        server.execute_command("ACL", "SETUSER", "weak", "on", ">pw", "~*", "+@all")
        address = RunAddress(tcp_url, "run", bytes(32), 2)
        weak = RunAddress(tcp_url.replace("://", "://weak:pw@"), "run", bytes(32), 2)
        stores = [connect(address), connect(weak)]
        stores[0].open(first_state())
        for rank, store in enumerate(stores):
            store.join(rank, 0)
        gathered(stores, 1)
        server.execute_command("ACL", "SETUSER", "weak", "-xdel")
        stores[1].post(StateMessage(0, 2, first_state().state))
        gathered(stores, 2)
        with pytest.raises(StateStoreError, match=r"needs more rights|refuses a command"):
            stores[1].post(StateMessage(0, 3, first_state().state))
        stores[0].clear()
        for store in stores:
            store.close()
        server.execute_command("ACL", "DELUSER", "weak")


def test_a_clock_that_is_set_back_makes_no_state_young_for_ever(tcp_url, two_ranks):
    with admin(tcp_url) as server:
        ahead_ms = (server.time()[0] + 3600) * 1000
        server.hset("burly:{run}:run", "at", ahead_ms)
    assert gathered(two_ranks, 1).state_age_s > 3000


def test_a_reminder_reads_no_round_that_another_rank_finishes(tcp_url):
    address = RunAddress(tcp_url, "run", bytes(32), 2, memory=1)
    zero, one = (connect(address) for _ in range(2))
    zero.open(first_state())
    messages = []
    for rank, store in enumerate((zero, one)):
        store.join(rank, 0)
        part = Part(Reducer.SUM, np.zeros(10_000, dtype=np.int64))
        messages.append(ContributionMessage(0, 1, rank, 0, {"x": part}))
        store.contribute(messages[rank])
    with admin(tcp_url) as server:
        server.config_resetstat()
        assert zero.remind(messages[0]) == Pending()
        assert "cmdstat_hgetall" not in server.info("commandstats")
    zero.clear()
    for store in (zero, one):
        store.close()


def test_a_server_that_is_not_there_is_told_with_its_address_alone(monkeypatch):
    monkeypatch.setattr("burly.state.valkey_connection.CONNECT_S", 0.1)
    port = free_port()
    store = connect(RunAddress(f"redis://u:hidden@127.0.0.1:{port}", "run", bytes(32), 1))
    with pytest.raises(StateStoreUnreachableError, match=f"127.0.0.1:{port}") as caught:
        store.open(first_state())
    assert "hidden" not in str(caught.value)


def test_a_wrong_password_is_told_at_once(tls_url):
    _, url = tls_url
    store = connect(RunAddress(url.replace("p%40ss", "wrong"), "run", bytes(32), 1))
    with pytest.raises(StateStoreUnreachableError, match="refuses the user or the password"):
        store.open(first_state())


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_url, monkeypatch):
    monkeypatch.setattr("burly.state.valkey_connection.CONNECT_S", 0.1)
    _, url = tls_url
    store = connect(RunAddress(url.partition("?")[0], "run", bytes(32), 1))
    with pytest.raises(StateStoreUnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
        store.open(first_state())


def test_a_user_without_rights_is_told_so(tcp_url):
    with admin(tcp_url) as server:
        server.execute_command("ACL", "SETUSER", "weak", "on", ">pw", "~other:*", "+@all")
        url = tcp_url.replace("://", "://weak:pw@")
        store = connect(RunAddress(url, "run", bytes(32), 1))
        with pytest.raises(StateStoreError, match="needs more rights"):
            store.open(first_state())
        store.close()
        server.execute_command("ACL", "DELUSER", "weak")


def test_a_store_that_is_gone_for_good_is_an_error():
    port = free_port()
    url = f"valkey://127.0.0.1:{port}"
    address = RunAddress(url, "run", bytes(32), 1, patience_s=0.2)
    with running(valkey_binary(), url, "--port", str(port)):
        store = connect(address)
        store.open(first_state())
    with pytest.raises(StateStoreUnreachableError, match="does not answer"):
        store.wait(2, PATIENCE_S)
    store.close()


def test_a_state_that_is_too_large_is_refused_with_the_numbers(tcp_url, monkeypatch):
    monkeypatch.setattr("burly.state.valkey.ValkeyStateStore.round_limit_bytes", 1000)
    store = connect(RunAddress(tcp_url, "run", bytes(32), 1))
    with pytest.raises(RoundTooLargeError, match=r"state 1 has 8,\d+ bytes; at most 1,000"):
        store.open(first_state(k=100, d=10))
    store.close()


def test_a_run_is_found_on_the_node_of_a_cluster_that_has_its_keys():
    with cluster_of(2) as urls, ExitStack() as stack:
        nodes = [stack.enter_context(admin(url)) for url in urls]
        slots = {
            run: nodes[0].execute_command("CLUSTER KEYSLOT", f"burly:{{{run}}}") for run in "ab"
        }
        assert sorted(slot // 8192 for slot in slots.values()) == [0, 1]
        for run, slot in slots.items():
            # Each rank comes to the cluster by another node; neither has seen a script.
            here, there = [RunAddress(url, run, bytes(32), 2) for url in urls]
            client = connect(there if slot < 8192 else here)
            client.open(first_state())
            with ThreadPoolExecutor(2) as threads:
                work = [
                    threads.submit(rank_of_a_run, address, rank, 10, 8)
                    for rank, address in enumerate((here, there))
                ]
                traffic = [future.result(PATIENCE_S) for future in work]
            assert client.latest(0)[0].round == N_ROUNDS + 1
            # Once found, the node is asked at once: what is over are MOVED and NOSCRIPT.
            assert max(worker.commands for worker in traffic) <= 3 * N_ROUNDS + 10
            assert nodes[slot // 8192].dbsize() > 0
            client.clear()
            client.close()
        assert [node.dbsize() for node in nodes] == [0, 0]


def test_inspecting_a_cluster_says_that_it_is_one(cluster_url):
    assert inspect_server(cluster_url).is_cluster
