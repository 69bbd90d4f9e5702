"""Errors say what to do in the words of whoever reads them, also after a journey."""

import pickle

import pytest

from burly.exceptions import ConfigurationError, RunAbortedError, SchemaError, packed, revive

ERROR = SchemaError(
    "{odd}.csv has no column 'x'", remedy="use {columns}, {format:csv} or {header:True}"
)


def test_a_remedy_names_parameters_as_python_does() -> None:
    said = "{odd}.csv has no column 'x'; use columns=, format='csv' or header=True"
    assert str(ERROR) == said


def test_a_remedy_can_be_told_in_other_words() -> None:
    said = ERROR.told(lambda name, value: f"<{name} {value}>")
    assert said.endswith("use <columns >, <format csv> or <header True>")


@pytest.mark.parametrize(
    "travel",
    [lambda e: revive(packed(e)), lambda e: pickle.loads(pickle.dumps(e))],  # noqa: S301
)
def test_an_error_travels_with_its_remedy(travel) -> None:
    arrived = travel(ERROR)
    assert type(arrived) is SchemaError
    assert (str(arrived), arrived.remedy) == (str(ERROR), ERROR.remedy)


def test_what_is_not_ours_ends_the_run_and_keeps_its_words() -> None:
    arrived = revive(packed(KeyError("x")))
    assert (type(arrived), str(arrived)) == (RunAbortedError, "KeyError: 'x'")
    for text in ("[1, 2", '["Path", "x", ""]', '"x"', ""):
        assert str(revive(text)) == text


def test_a_remedy_is_no_must() -> None:
    assert str(ConfigurationError("50 {x} %")) == "50 {x} %"
