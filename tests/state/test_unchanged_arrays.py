"""What states leave out, however ranks come to know of publications."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from burly.state.store import StateMessage
from burly.state.unchanged_arrays import Carrier
from burly.states import State

NAMES = ("a", "b", "c")
WORLD = 3


def message(round_, arrays, carried=None):
    return StateMessage(0, round_, State("p", dict(arrays)), carried or {})


def test_an_array_of_a_known_state_is_left_out_while_it_is_the_same_object():
    array, equal = np.zeros(3), np.zeros(3)
    carrier = Carrier()
    carrier.stored(message(1, {"a": array}), "m")
    assert carrier.base == "1=m"
    assert carrier.left_out(State("p", {"a": array}), None) == {"a": 1}
    assert carrier.left_out(State("p", {"a": array}), {1: "m"}) == {"a": 1}
    assert carrier.left_out(State("p", {"a": array}), {1: "other"}) == {}
    assert carrier.left_out(State("p", {"a": array}), {2: "m"}) == {}
    assert carrier.left_out(State("p", {"a": equal}), None) == {}


def test_what_a_rank_made_is_not_in_the_store():
    array = np.zeros(3)
    carrier = Carrier()
    carrier.made(message(2, {"a": array}))
    assert carrier.left_out(State("p", {"a": array}), None) == {}


def test_an_origin_that_is_newer_than_what_is_known_is_not_guessed():
    carrier = Carrier()
    carrier.stored(message(1, {"a": np.zeros(3)}), "m")
    assert carrier.complete(message(4, {}, {"a": 3})) is None
    assert carrier.complete(message(4, {}, {"a": 1})).state["a"].tolist() == [0, 0, 0]


STEPS = st.lists(
    st.tuples(
        st.sets(st.sampled_from(NAMES)),  # what changes
        st.sampled_from([None, *range(WORLD)]),  # who publishes
        st.sets(
            st.integers(0, WORLD - 1)
        ),  # who makes the state, the others learn of it from the store
    ),
    max_size=12,
)


@given(STEPS)
def test_whoever_reads_a_state_finds_what_its_publisher_meant(steps):
    """Ranks make most states themselves, and know of the publications of others by chance."""
    carriers = [Carrier() for _ in range(WORLD)]
    held = [{name: np.array([0, 1]) for name in NAMES} for _ in range(WORLD)]
    truth = dict.fromkeys(NAMES, 1)
    store = {1: message(1, held[0])}
    for carrier, arrays in zip(carriers, held, strict=True):
        carrier.stored(message(1, arrays), "m")
    for round_, (changed, publisher, others) in enumerate(steps, start=2):
        truth |= dict.fromkeys(changed, round_)
        makers = set(range(WORLD)) if publisher is None else others | {publisher}
        for rank in sorted(makers, key=lambda rank: rank != publisher):
            held[rank] |= {name: np.array([0, round_]) for name in changed}
            made = message(round_, held[rank])
            if rank != publisher:
                carriers[rank].made(made)
                continue
            origins = carriers[rank].left_out(made.state, dict.fromkeys(store, "m"))
            for name, origin in origins.items():
                assert store[origin].state[name][1] == truth[name]
            carriers[rank].stored(message(round_, held[rank], origins), "m")
            sent = {name: array for name, array in held[rank].items() if name not in origins}
            named = set(origins.values())
            store = {number: entry for number, entry in store.items() if number in named}
            store[round_] = message(round_, sent, origins)
        for rank in set(range(WORLD)) - makers:
            received = carriers[rank].complete(store[round_])
            if received is None:  # then it asks for all that the store has
                fetched = {n: store[r].state[n] for n, r in store[round_].carried.items()}
                whole = {**store[round_].state.arrays, **fetched}
                received = message(round_, whole, store[round_].carried)
            assert {name: array[1] for name, array in received.state.arrays.items()} == truth
            carriers[rank].stored(received, "m")
            held[rank] = dict(received.state.arrays)
