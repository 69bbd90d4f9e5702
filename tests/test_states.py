from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from burly.states import State

STATE = State("seeding", {"centres": np.ones((2, 3))})


def test_an_array_of_a_state_is_found_by_its_name():
    assert STATE["centres"] is STATE.arrays["centres"]
    with pytest.raises(KeyError, match="labels"):
        STATE["labels"]


def test_a_state_is_not_the_last_one_unless_it_says_so():
    assert not STATE.done
    assert STATE.figures == {}


def test_a_state_does_not_change():
    with pytest.raises(FrozenInstanceError):
        STATE.phase = "iterating"
