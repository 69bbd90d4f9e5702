"""What Lithops is told, for every platform: a table, since no cloud is at hand."""

import pytest

from burly.exceptions import ConfigurationError
from burly.launchers.configuration import backend_of, complete


def completed(given=None, backend=None, n_workers=2, vcpus=None, memory_mb=None):
    return complete(
        given or {},
        backend=backend,
        n_workers=n_workers,
        vcpus=vcpus,
        memory_mb=memory_mb,
        interpreter="/bin/python",
    )


@pytest.mark.parametrize(
    ("backend", "vcpus", "memory_mb", "settings"),
    [
        ("aws_lambda", 1, None, {"runtime_memory": 1769, "runtime_timeout": 900}),
        ("aws_lambda", 2, None, {"runtime_memory": 3538, "runtime_timeout": 900}),
        ("aws_lambda", 6, None, {"runtime_memory": 10240, "runtime_timeout": 900}),
        ("aws_lambda", 1, 4000, {"runtime_memory": 4000, "runtime_timeout": 900}),
        ("aws_lambda", None, 2048, {"runtime_memory": 2048, "runtime_timeout": 900}),
        ("gcp_cloudrun", 1, None, {"runtime_cpu": 1, "runtime_memory": 2048}),
        ("gcp_cloudrun", 8, 32768, {"runtime_cpu": 8, "runtime_memory": 32768}),
        ("code_engine", 0.125, None, {"runtime_cpu": 0.125, "runtime_memory": 512}),
        ("code_engine", 4, 20000, {"runtime_cpu": 4, "runtime_memory": 24576}),
        ("azure_containers", 1.1, None, {"runtime_memory": 2560}),
        ("azure_containers", 4, None, {"runtime_memory": 8192}),
        ("k8s", None, 1024, {"runtime_memory": 1024}),
    ],
)
def test_a_size_becomes_what_the_backend_calls_it(backend, vcpus, memory_mb, settings):
    config = completed(backend=backend, vcpus=vcpus, memory_mb=memory_mb)
    assert config[backend] == {"worker_processes": 1, **settings}
    assert config["lithops"]["chunksize"] == 1


def test_a_timeout_that_the_user_set_stays():
    given = {"aws_lambda": {"runtime_timeout": 60, "execution_role": "role"}}
    section = completed(given, backend="aws_lambda")["aws_lambda"]
    assert section["runtime_timeout"] == 60
    assert section["execution_role"] == "role"


def test_what_was_given_is_not_changed():
    given = {"lithops": {"backend": "aws_lambda", "mode": "serverless"}, "aws_lambda": {"a": [1]}}
    before = repr(given)
    config = completed(given, backend="gcp_cloudrun")
    config["aws_lambda"]["a"].append(2)
    assert repr(given) == before
    assert config["lithops"]["backend"] == "gcp_cloudrun"
    assert "mode" not in config["lithops"]


def test_local_functions_are_a_gang_on_this_interpreter():
    config = completed(n_workers=3)
    assert config["lithops"]["storage"] == "localhost"
    assert config["localhost"] == {"runtime": "/bin/python", "worker_processes": 3, "version": 1}


@pytest.mark.parametrize(
    ("given", "backend", "meant"),
    [
        ({}, None, "localhost"),
        ({"lithops": {"backend": "k8s"}}, None, "k8s"),
        ({"lithops": {"backend": "k8s"}}, "aws_lambda", "aws_lambda"),
        ({"lithops": None}, None, "localhost"),
    ],
)
def test_the_backend_is_the_one_named_beside_the_configuration_or_in_it(given, backend, meant):
    assert backend_of(given, backend) == meant


@pytest.mark.parametrize(
    ("backend", "section", "limit"),
    [("azure_containers", {}, 30), ("aws_lambda", {"max_workers": 5}, 5)],
)
def test_more_workers_than_run_at_once_are_refused(backend, section, limit):
    with pytest.raises(ConfigurationError, match=rf"at most {limit} functions .* all 31 workers"):
        completed({backend: section}, backend=backend, n_workers=31)
