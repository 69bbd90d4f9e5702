"""vCPUs become what a platform sells."""

import pytest

from burly.exceptions import ConfigurationError
from burly.launchers import platforms


@pytest.mark.parametrize(
    ("vcpus", "memory_mb"), [(0.05, 128), (1, 1769), (2, 3538), (5.79, 10240), (6, 10240)]
)
def test_lambda_sells_vcpus_by_memory(vcpus: float, memory_mb: int) -> None:
    size = platforms.size("aws_lambda", vcpus)
    assert abs(size.memory_mb - memory_mb) <= 3
    assert size.settings == {"runtime_memory": size.memory_mb}


def test_more_memory_on_lambda_brings_more_vcpus() -> None:
    assert platforms.size("aws_lambda", 1, 3538).vcpus == 2


@pytest.mark.parametrize(("vcpus", "memory_mb"), [(7, None), (1, 10241)])
def test_what_lambda_does_not_sell_is_refused(vcpus: float, memory_mb: int | None) -> None:
    with pytest.raises(ConfigurationError, match=r"10240 MB and 5\.79 vCPUs"):
        platforms.size("aws_lambda", vcpus, memory_mb)


def test_cloud_run_gets_vcpus_and_memory() -> None:
    size = platforms.size("gcp_cloudrun", 4)
    assert size.settings == {"runtime_cpu": 4, "runtime_memory": 8192}


def test_vcpus_that_cloud_run_does_not_sell_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="1, 2, 4, 6, 8 vCPUs"):
        platforms.size("gcp_cloudrun", 3)


def test_more_memory_than_fits_the_vcpus_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at most 4096 MB for 1 vCPUs"):
        platforms.size("gcp_cloudrun", 1, 5000)


def test_code_engine_sells_memory_in_steps() -> None:
    assert platforms.size("code_engine", 4, 20000).memory_mb == 24576


def test_azure_ties_memory_to_vcpus_in_steps() -> None:
    size = platforms.size("azure_containers", 1.1)
    assert (size.vcpus, size.memory_mb) == (1.25, 2560)


def test_azure_runs_thirty_at_once() -> None:
    assert platforms.max_workers("azure_containers") == 30
    assert platforms.max_workers("aws_lambda") is None


def test_a_platform_without_a_table_says_where_its_size_is_set() -> None:
    with pytest.raises(ConfigurationError, match="leave vcpus out"):
        platforms.size("k8s", 2)


def test_every_platform_names_its_source() -> None:
    assert all(row["source"].startswith("https://") for row in platforms.table().values())
