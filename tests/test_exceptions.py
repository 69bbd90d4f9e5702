"""Errors say what to do in the words of whoever reads them."""

import pickle

from burly.exceptions import ConfigurationError, SchemaError

ERROR = SchemaError(
    "{odd}.csv has no column 'x'", remedy="use {columns}, {format:csv} or {header:True}"
)


def test_a_remedy_names_parameters_as_python_does() -> None:
    said = "{odd}.csv has no column 'x'; use columns=, format='csv' or header=True"
    assert str(ERROR) == said


def test_a_remedy_can_be_told_in_other_words() -> None:
    said = ERROR.told(lambda name, value: f"<{name} {value}>")
    assert said.endswith("use <columns >, <format csv> or <header True>")


def test_an_error_is_pickled_with_its_remedy() -> None:
    arrived = pickle.loads(pickle.dumps(ERROR))  # noqa: S301
    assert type(arrived) is SchemaError
    assert (str(arrived), arrived.remedy) == (str(ERROR), ERROR.remedy)


def test_a_remedy_is_no_must() -> None:
    assert str(ConfigurationError("50 {x} %")) == "50 {x} %"
