"""A frame is what was sent, or an error."""

from dataclasses import fields
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from burly.contributions import Part, Reducer
from burly.events import Event
from burly.exceptions import FrameError
from burly.state.frames import FrameCodec, decode_events, encode_events
from burly.state.store import ContributionMessage, StateMessage
from burly.states import State

SECRET = bytes(range(32))
CODEC = FrameCodec("run", SECRET, leg=2)

DTYPES = st.one_of(
    nps.boolean_dtypes(),
    nps.integer_dtypes(),
    nps.unsigned_integer_dtypes(),
    nps.floating_dtypes(sizes=(16, 32, 64)),
    nps.unicode_string_dtypes(min_len=1, max_len=5),
    nps.byte_string_dtypes(min_len=1, max_len=5),
    st.just(np.dtype([("key", ">f8"), ("x", "<f4", (2, 2)), ("in", [("a", "i2")])])),
)
ARRAYS = DTYPES.flatmap(
    lambda dtype: nps.arrays(dtype, nps.array_shapes(min_dims=0, max_dims=3, min_side=0))
)


def contribution(array=None, **changes):
    part = Part(Reducer.SUM, np.arange(6) if array is None else array, 7)
    values = {"leg": 2, "round": 3, "rank": 1, "attempt": 4, "contribution": {"x": part}}
    return ContributionMessage(**{**values, **changes})


@given(st.lists(ARRAYS, max_size=4))
def test_arrays_come_back_with_their_bits(arrays):
    parts = {f"ä{i}": Part(Reducer.UNION, array, i or None) for i, array in enumerate(arrays)}
    frame = CODEC.encode_contribution(contribution(contribution=parts))
    message = CODEC.decode_contribution(frame, round=3, rank=1)
    assert (message.leg, message.round, message.rank, message.attempt) == (2, 3, 1, 4)
    assert list(message.contribution) == list(parts)
    for name, part in parts.items():
        got = message.contribution[name]
        assert (got.reducer, got.limit) == (part.reducer, part.limit)
        little = part.array.astype(part.array.dtype.newbyteorder("<"))
        assert got.array.dtype == little.dtype
        assert got.array.shape == little.shape
        assert got.array.tobytes() == little.tobytes()
        assert not got.array.flags.writeable


def test_fields_stay_where_they_are():
    rows = np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True))
    rows["a"], rows["b"] = [1, 2], [0.5, 0.25]
    frame = CODEC.encode_contribution(contribution(rows))
    got = CODEC.decode_contribution(frame, round=3, rank=1).contribution["x"].array
    assert got.dtype == rows.dtype
    assert got.tolist() == rows.tolist()


def test_decoding_copies_nothing():
    frame = CODEC.encode_contribution(contribution())
    message = CODEC.decode_contribution(frame, round=3, rank=1)
    array = message.contribution["x"].array
    assert np.shares_memory(array, np.frombuffer(frame, dtype=np.uint8))
    assert array.flags.aligned


@pytest.mark.parametrize(
    "dtype", [np.dtype(object), np.dtype([("a", object)]), np.dtype("c16"), np.dtype("V3")]
)
def test_what_has_no_fixed_bytes_cannot_be_sent(dtype):
    with pytest.raises(FrameError, match="cannot be sent: 'x'"):
        CODEC.encode_contribution(contribution(np.zeros(2, dtype)))


@given(st.data())
def test_every_changed_byte_is_found(data):
    frame = bytearray(CODEC.encode_contribution(contribution()))
    position = data.draw(st.integers(0, len(frame) - 1))
    frame[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(FrameError):
        CODEC.decode_contribution(bytes(frame), round=3, rank=1)


@given(st.integers(0, 10_000))
def test_a_frame_that_was_cut_is_an_error(length):
    frame = CODEC.encode_contribution(contribution())
    with pytest.raises(FrameError):
        CODEC.decode_contribution(frame[: min(length, len(frame) - 1)], round=3, rank=1)


@pytest.mark.parametrize(
    ("codec", "place"),
    [
        (FrameCodec("run", bytes(32), 2), {"round": 3, "rank": 1}),
        (FrameCodec("other", SECRET, 2), {"round": 3, "rank": 1}),
        (FrameCodec("run", SECRET, 1), {"round": 3, "rank": 1}),
        (CODEC, {"round": 2, "rank": 1}),
        (CODEC, {"round": 3, "rank": 0}),
    ],
    ids=["secret", "run", "leg", "round", "rank"],
)
def test_a_frame_from_another_place_is_an_error(codec, place):
    frame = CODEC.encode_contribution(contribution())
    with pytest.raises(FrameError, match=r"tag of a frame|out of place"):
        codec.decode_contribution(frame, **place)


def test_a_state_is_no_contribution():
    frame = CODEC.encode_state(StateMessage(2, 3, State("p", {})))
    with pytest.raises(FrameError, match="kind is 'state', not 'contribution'"):
        CODEC.decode_contribution(frame, round=3, rank=1)


def test_a_frame_of_another_format_says_so(monkeypatch):
    monkeypatch.setattr("burly.state.frames.FORMAT_VERSION", 9)
    frame = CODEC.encode_contribution(contribution())
    monkeypatch.undo()
    with pytest.raises(FrameError, match="format 9, this burly reads 1"):
        CODEC.decode_contribution(frame, round=3, rank=1)


def test_a_frame_with_other_numerics_is_an_error(monkeypatch):
    monkeypatch.setattr("burly.state.frames.NUMERICS_VERSION", -1)
    frame = FrameCodec("run", SECRET, 2).encode_contribution(contribution())
    with pytest.raises(FrameError, match="its numerics is -1"):
        CODEC.decode_contribution(frame, round=3, rank=1)


def test_a_state_leaves_out_what_it_carries_over():
    arrays = {"big": np.zeros(10_000), "k": np.array(3), "small": np.arange(3)}
    state = State("iterate", arrays, done=True, figures={"shift": 0.5, "nothing": float("inf")})
    frame = CODEC.encode_state(StateMessage(2, 3, state, {"big": 1}))
    assert len(frame) < 1000
    message = CODEC.decode_state(frame, round=3)
    assert message.carried == {"big": 1}
    assert {name: array.tolist() for name, array in message.state.arrays.items()} == {
        "k": 3,
        "small": [0, 1, 2],
    }
    assert (message.state.phase, message.state.done) == ("iterate", True)
    assert message.state.figures == {"shift": 0.5, "nothing": float("inf")}


def example(event_type):
    values = {"str": "text", "int": 3, "float": 0.25}
    return event_type(**{f.name: values.get(f.type, {"a": 0.125}) for f in fields(event_type)})


@pytest.mark.parametrize("event_type", get_args(Event), ids=lambda kind: kind.__name__)
def test_every_event_can_be_told(event_type):
    event = example(event_type)
    assert decode_events(encode_events([event])) == (event,)


@pytest.mark.parametrize("rows", [[[99, 1.0]], [[0]], [["a"]], 3])
def test_telemetry_that_makes_no_sense_is_an_error(rows):
    with pytest.raises(FrameError, match="telemetry cannot be read"):
        decode_events(rows)
