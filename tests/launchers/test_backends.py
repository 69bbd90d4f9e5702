"""Backends that Lithops has, and what they need."""

import pytest

from burly.exceptions import ConfigurationError
from burly.launchers.backends import check_backend, known_backends


def test_lithops_has_the_backends_that_people_use() -> None:
    wanted = {"localhost", "aws_lambda", "gcp_cloudrun", "code_engine", "azure_functions", "k8s"}
    assert wanted <= set(known_backends())


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("aws_lamda", "did you mean 'aws_lambda'"),
        ("nope", "there are localhost, "),
        ("k8s", "need a state store"),
    ],
)
def test_what_cannot_work_is_refused(backend: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        check_backend(backend, has_state=False)


def test_localhost_brings_its_own_store() -> None:
    check_backend("localhost", has_state=False)
    check_backend("k8s", has_state=True)
