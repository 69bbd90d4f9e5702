"""A rank's view of the rounds, and what may go wrong around it."""

import threading
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from burly.contributions import Part, Reducer, Step
from burly.events import Noted, RoundDone, StateMade
from burly.exceptions import RoundTooLargeError, RunAbortedError, StateStoreError, SupersededError
from burly.rounds import Rounds
from burly.state.address import RunAddress
from burly.state.connect import connect
from burly.state.embedded import EmbeddedServer
from burly.state.memory import MemoryRun, MemoryStateStore
from burly.state.store import ContributionMessage, Pending, StateMessage
from burly.states import State
from burly.testing import PATIENCE_S, later

WORLD = 3
MEMORY = 2
N_ROUNDS = 6


class DiedError(Exception):
    """A function was killed."""


# --- a toy algorithm: exact, and dependent on all the states that update may read -----------------
def step(state, rank):
    share = np.array([int(state["n"]) * 10 + rank], dtype=np.int64)
    # Every third round is too large to be handed to all ranks.
    bulk = np.zeros(5000 if int(state["n"]) % 3 == 0 else 1)
    return Step(
        {
            "sum": Part(Reducer.SUM, share),
            "most": Part(Reducer.MAX, share),
            "bulk": Part(Reducer.MAX, bulk),
        }
    )


def update(states, totals):
    number = int(states[-1]["n"]) + 1
    past = sum(int(state["x"][0]) % 1009 for state in states)
    arrays = {
        "n": np.array(number),
        "x": totals["sum"] * 7 + totals["most"] + past,
        "fixed": states[-1]["fixed"],
    }
    return State("phase", arrays, done=number > N_ROUNDS, figures={"n": number})


def first_state():
    arrays = {"n": np.array(1), "x": np.array([5]), "fixed": np.arange(4.0)}
    return StateMessage(0, 1, State("phase", arrays))


def expected(memory=MEMORY):
    """Return the last x of a run, from the definition alone."""
    xs = [5]
    for number in range(1, N_ROUNDS + 1):
        shares = [number * 10 + rank for rank in range(WORLD)]
        xs.append(sum(shares) * 7 + max(shares) + sum(x % 1009 for x in xs[-memory - 1 :]))
    return xs[-1]


class Backend:
    """Opens handles on one run after the other."""

    def __init__(self, url, memory=MEMORY):
        self.url = url
        self.memory = memory

    def start(self, lease_s=60.0, world_size=WORLD):
        memory = self.memory
        if self.url is None:
            run = MemoryRun(world_size=world_size, memory=memory, lease_s=lease_s)
            self.connect = lambda: MemoryStateStore(run)
        else:
            address = RunAddress(
                self.url, "run", bytes(32), world_size, memory=memory, lease_s=lease_s
            )
            self.connect = lambda: connect(address)
        client = self.connect()
        client.open(first_state())
        return client


@pytest.fixture(scope="module")
def server():
    with EmbeddedServer() as server:
        yield server.url


@pytest.fixture(params=["memory", "valkey"])
def backend(request):
    return Backend(None if request.param == "memory" else request.getfixturevalue("server"))


STORES = ("memory", "valkey", "each state and a log", "a log alone")


@pytest.fixture(params=STORES)
def any_backend(request, monkeypatch):
    """A store with states alone, or one that hands each round to all ranks."""
    if request.param in ("memory", "valkey"):
        return Backend(None if request.param == "memory" else request.getfixturevalue("server"))
    publish_s = 0.0 if request.param == "each state and a log" else np.inf
    monkeypatch.setattr("burly.rounds.PUBLISH_S", publish_s)
    return Backend(request.getfixturevalue("server"), memory=0)


# --- faults ---------------------------------------------------------------------------------------
class Faulty:
    """A store that does something else, once, when a rank calls an operation with a round's message."""

    def __init__(self, store, operation, round_, fault):
        self.fired = False
        self._store = store
        self._armed = (operation, round_)
        self._fault = fault

    def __getattr__(self, name):
        real = getattr(self._store, name)

        def instead(message, **options):
            if self.fired or (name, message.round) != self._armed:
                return real(message, **options)
            self.fired = True
            return self._fault(partial(real, **options), message)

        return instead if name == self._armed[0] else real


def dies_before(real, message):
    raise DiedError


def dies_after(real, message):
    real(message)
    raise DiedError


def sends_twice(real, message):
    real(message)
    return real(message)


def loses_the_answer(real, message):
    real(message)
    return Pending()


def loses_the_state(real, message):
    return message


def publishes_something_else_later(real, message):
    winner = real(message)
    changed = State("phase", {**message.state.arrays, "x": np.array([-1])})
    late = real(StateMessage(message.leg, message.round, changed))
    assert late.state["x"].tolist() == winner.state["x"].tolist()
    return winner


@dataclass(frozen=True)
class Case:
    operation: str
    fault: object
    restart: bool = False
    lease_s: float = 60.0


FAULTS = {
    "a contribution is sent twice": Case("contribute", sends_twice),
    "the answer to a contribution is lost": Case("contribute", loses_the_answer, lease_s=0.05),
    "a rank dies before it contributes": Case("contribute", dies_before, restart=True),
    "a rank dies after it contributed": Case("contribute", dies_after, restart=True, lease_s=0.05),
    "the finisher dies before it publishes": Case("publish", dies_before, restart=True),
    "the finisher dies after it published": Case("publish", dies_after, restart=True),
    "the finisher dies before it posts": Case("post", dies_before, restart=True),
    "the finisher dies after it posted": Case("post", dies_after, restart=True),
    "a posted state is lost": Case("post", loses_the_state),
    "a state is posted twice": Case("post", sends_twice),
    "a state is published twice": Case("publish", sends_twice),
    "a zombie publishes another state": Case("publish", publishes_something_else_later),
}


def rounds_of(operation, store):
    """Return rounds whose message is sent by an operation: a state has the number that it starts."""
    match operation:
        case "contribute":
            return (1, 3, N_ROUNDS)
        case "publish":
            return (N_ROUNDS + 1,)
        case "post":
            # A log alone has a state only after a round that is too large for it.
            return (4,) if store == "a log alone" else (2, 4, N_ROUNDS)


def take_part(store, rank, attempt, wait_s=0.05, memory=MEMORY, until=None):
    rounds = Rounds(
        store, rank=rank, world_size=WORLD, memory=memory, attempt=attempt, wait_s=wait_s
    )
    state = rounds.receive()
    while not state.done and rounds.round != until:
        state = rounds.exchange(step(state, rank), update)
    rounds.leave()
    return int(state["x"][0])


@pytest.mark.parametrize(
    ("any_backend", "name", "round_"),
    [
        (store, name, round_)
        for store in STORES
        for name, case in FAULTS.items()
        for round_ in rounds_of(case.operation, store)
    ],
    indirect=["any_backend"],
)
def test_a_fault_changes_no_bit(any_backend, name, round_):
    backend, memory = any_backend, any_backend.memory
    case = FAULTS[name]
    client = backend.start(case.lease_s)
    results, errors, stores = {}, [], []

    def run(rank):
        # Whoever finishes a round is left to chance, so every rank has the fault to come.
        store = backend.connect()
        faulty = Faulty(store, case.operation, round_, case.fault)
        stores.append(faulty)
        try:
            try:
                results[rank] = take_part(faulty, rank, 0, memory=memory)
            except DiedError:
                assert case.restart
                again = backend.connect()
                results[rank] = take_part(again, rank, 1, memory=memory)
                again.close()
        except BaseException as error:  # noqa: BLE001 (shown below)
            errors.append(error)
            client.abort("test failed")
        finally:
            store.close()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(WORLD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not errors
    assert any(faulty.fired for faulty in stores), "nothing was disturbed"
    assert results == dict.fromkeys(range(WORLD), expected(memory))
    client.clear()
    client.close()


class Unlucky:
    """A store to which anything may happen at any time."""

    MISHAPS = (dies_before, dies_after, sends_twice)
    LOST = ("contribute", "remind")

    def __init__(self, store, random):
        self._store = store
        self._random = random

    def __getattr__(self, name):
        real = getattr(self._store, name)
        if name not in ("contribute", "remind", "publish", "post", "outcome", "latest"):
            return real

        def perhaps(first, *others):
            if self._random.random() > 0.15:
                return real(first, *others)
            mishaps = (*self.MISHAPS, loses_the_answer) if name in self.LOST else self.MISHAPS
            mishap = mishaps[self._random.integers(len(mishaps))]
            return mishap(lambda first: real(first, *others), first)

        return perhaps


@pytest.mark.parametrize("seed", range(12))
def test_no_mixture_of_mishaps_changes_a_bit(seed, any_backend):
    backend, memory = any_backend, any_backend.memory
    client = backend.start(lease_s=0.05)

    def live(rank, random, attempt=0):
        store = backend.connect()
        try:
            return take_part(Unlucky(store, random), rank, attempt, 0.02, memory)
        except DiedError:
            pass
        finally:
            store.close()
        return live(rank, random, attempt + 1)

    ends = [later(live, rank, np.random.default_rng([seed, rank])) for rank in range(WORLD)]
    assert [end.result(PATIENCE_S) for end in ends] == [expected(memory)] * WORLD
    client.clear()
    client.close()


@pytest.mark.parametrize("until", [2, 4, N_ROUNDS])
def test_a_run_goes_on_after_all_ranks_are_gone(until, any_backend):
    backend, memory = any_backend, any_backend.memory
    client = backend.start()
    for attempt in (0, 1):
        stores = [backend.connect() for _ in range(WORLD)]
        last = until if attempt == 0 else None
        ends = [
            later(partial(take_part, memory=memory, until=last), store, rank, attempt)
            for rank, store in enumerate(stores)
        ]
        results = [future.result(PATIENCE_S) for future in ends]
        for store in stores:
            store.close()
    assert results == [expected(memory)] * WORLD
    client.clear()
    client.close()


def test_others_finish_the_round_of_a_finisher_that_never_comes_back(backend):
    client = backend.start(lease_s=0.05)
    dead, *others = [backend.connect() for _ in range(WORLD)]
    dead.join(0, 0)
    following = [later(take_part, store, rank, 0) for rank, store in enumerate(others, start=1)]
    # Rank 0 contributes, may even have the lease then, and is never heard of again.
    dead.contribute(ContributionMessage(0, 1, 0, 0, step(first_state().state, 0).contribution))
    assert client.wait(2, PATIENCE_S).round == 2
    client.abort("enough")
    for future in following:
        with pytest.raises(RunAbortedError, match="enough"):
            future.result(PATIENCE_S)
    for store in (client, dead, *others):
        store.close()


def test_a_zombie_is_told_that_it_was_superseded(backend):
    client = backend.start()
    zombie, fresh = backend.connect(), backend.connect()
    rounds = Rounds(zombie, rank=0, world_size=WORLD, memory=MEMORY)
    state = rounds.receive()
    Rounds(fresh, rank=0, world_size=WORLD, memory=MEMORY, attempt=1).receive()
    with pytest.raises(SupersededError):
        rounds.exchange(step(state, 0), update)
    for store in (client, zombie, fresh):
        store.close()


def test_a_store_that_lost_states_is_given_them_again(server):
    """A failover to a replica that lags: the store is two states behind its ranks."""
    backend = Backend(server)
    client = backend.start(world_size=1)
    store = backend.connect()
    rounds = Rounds(store, rank=0, world_size=1, memory=MEMORY, wait_s=0.05)
    state = rounds.receive()
    for _ in range(3):
        state = rounds.exchange(step(state, 0), update)
    undisturbed = rounds.exchange(step(state, 0), update)
    client.close()

    client = backend.start(world_size=1)
    rounds = Rounds(store, rank=0, world_size=1, memory=MEMORY, wait_s=0.05)
    state = rounds.receive()
    for _ in range(3):
        state = rounds.exchange(step(state, 0), update)
    client.open(first_state())
    healed = rounds.exchange(step(state, 0), update)
    assert healed["x"].tolist() == undisturbed["x"].tolist()
    late = backend.connect()
    late.wait(5, PATIENCE_S)  # nobody waited for the answer to the last publication
    messages = late.latest(MEMORY + 1)
    assert [message.round for message in messages] == [3, 4, 5]
    assert messages[-1].state["fixed"].tolist() == [0.0, 1.0, 2.0, 3.0]
    client.clear()
    for handle in (client, store, late):
        handle.close()


def test_a_rank_that_is_rounds_behind_catches_up(backend):
    client = backend.start(world_size=1)
    fast, slow = backend.connect(), backend.connect()
    behind = Rounds(slow, rank=0, world_size=1, memory=MEMORY)
    old = behind.receive()
    ahead = Rounds(fast, rank=0, world_size=1, memory=MEMORY)
    state = ahead.receive()
    for _ in range(4):
        state = ahead.exchange(step(state, 0), update)
    caught_up = behind.exchange(step(old, 0), update)
    assert behind.round == ahead.round == 5
    assert caught_up["x"].tolist() == state["x"].tolist()
    assert (
        behind.exchange(step(caught_up, 0), update)["x"].tolist()
        == ahead.exchange(step(state, 0), update)["x"].tolist()
    )
    for store in (client, fast, slow):
        store.close()


def test_an_unchanged_array_stays_the_same_object(backend):
    client = backend.start(world_size=1)
    store = backend.connect()
    rounds = Rounds(store, rank=0, world_size=1, memory=MEMORY)
    first = rounds.receive()
    for _ in range(4):
        state = rounds.exchange(step(first, 0), update)
    assert state["fixed"] is first["fixed"]
    assert client.wait(2, PATIENCE_S).state["fixed"].tolist() == first["fixed"].tolist()
    client.close()
    store.close()


def test_the_client_gets_every_event_once(backend):
    client = backend.start(world_size=1)
    store = backend.connect()
    rounds = Rounds(store, rank=0, world_size=1, memory=MEMORY)
    state = rounds.receive()
    rounds.record(Noted(0.0, "hello"))
    while not state.done:
        state = rounds.exchange(step(state, 0), update)
    rounds.leave()
    events = [*client.wait(2, PATIENCE_S).telemetry]
    ((_, last_words),) = client.departures(PATIENCE_S)
    events += last_words
    assert [e.message for e in events if isinstance(e, Noted)] == ["hello"]
    published = [e for e in events if isinstance(e, StateMade)]
    assert [e.round for e in published] == list(range(2, N_ROUNDS + 2))
    assert published[0].figures == {"n": 2}
    done = [e for e in events if isinstance(e, RoundDone)]
    assert [e.round for e in done] == list(range(1, N_ROUNDS + 1))
    client.close()
    store.close()


@pytest.mark.parametrize(("tell_s", "told_early"), [(0.0, True), (np.inf, False)])
def test_events_wait_for_company(backend, monkeypatch, tell_s, told_early):
    monkeypatch.setattr("burly.rounds.TELL_S", tell_s)
    client = backend.start(world_size=1)
    store = backend.connect()
    rounds = Rounds(store, rank=0, world_size=1, memory=MEMORY)
    state = rounds.receive()
    while not state.done:
        state = rounds.exchange(step(state, 0), update)
    early = [type(event) for event in client.wait(2, PATIENCE_S).telemetry]
    per_round = [StateMade, RoundDone]
    assert early == (per_round * (N_ROUNDS - 1) if told_early else [])
    rounds.leave()
    ((_, last_words),) = client.departures(PATIENCE_S)
    assert [type(event) for event in last_words] == per_round * (1 if told_early else N_ROUNDS)
    client.close()
    store.close()


def test_an_observer_gets_events_at_once():
    backend = Backend(None)
    backend.start(world_size=1)
    seen = []
    rounds = Rounds(backend.connect(), rank=0, world_size=1, memory=MEMORY, observer=seen.append)
    state = rounds.receive()
    rounds.exchange(step(state, 0), update)
    assert [type(event) for event in seen] == [StateMade, RoundDone]
    event = seen[-1]
    spent = (
        event.compute_s,
        event.contribute_s,
        event.wait_s,
        event.update_s,
        event.receive_s,
    )
    assert min(spent) >= 0
    assert event.wait_s == 0
    assert event.commands == 0


def test_a_round_on_a_server_counts_its_traffic(server):
    backend = Backend(server)
    client = backend.start(world_size=1)
    store = backend.connect()
    rounds = Rounds(store, rank=0, world_size=1, memory=MEMORY)
    state = rounds.receive()
    for _ in range(2):
        state = rounds.exchange(step(state, 0), update)
    rounds.leave()
    events = [*client.wait(3, PATIENCE_S).telemetry, *client.departures(PATIENCE_S)[0][1]]
    done = [event for event in events if isinstance(event, RoundDone)]
    assert [event.commands for event in done] == [2, 2]
    assert all(event.bytes_sent > 200 and event.bytes_received > 0 for event in done)
    client.clear()
    client.close()
    store.close()


def test_a_round_that_is_too_large_is_refused_with_the_numbers(server):
    backend = Backend(server)
    client = backend.start(world_size=8)
    store = backend.connect()
    rounds = Rounds(store, rank=0, world_size=8, memory=MEMORY)
    rounds.receive()
    large = Part(Reducer.SUM, np.zeros(5_000_000, dtype=np.int64))
    with pytest.raises(RoundTooLargeError, match=r"8 workers.*320,000,000.*256,000,000"):
        rounds.exchange(Step({"x": large}), update)
    client.clear()
    client.close()
    store.close()


def test_memory_has_no_limit_of_size():
    backend = Backend(None)
    backend.start(world_size=2)
    rounds = Rounds(backend.connect(), rank=0, world_size=2, memory=MEMORY)
    rounds.receive()
    assert backend.connect().round_limit_bytes is None


def test_an_update_that_fails_leaves_the_round_to_others(backend):
    """The error reaches the caller, who ends the run; nothing was published."""
    client = backend.start(world_size=1)
    store = backend.connect()
    rounds = Rounds(store, rank=0, world_size=1, memory=MEMORY)
    state = rounds.receive()

    def broken(states, totals):
        raise StateStoreError("a bound was exceeded")

    with pytest.raises(StateStoreError, match="a bound was exceeded"):
        rounds.exchange(step(state, 0), broken)
    assert client.wait(2, 0.0) is None
    assert rounds.exchange(step(state, 0), update).figures == {"n": 2}
    client.close()
    store.close()
