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


def test_lambda_costs_its_memory_and_its_starts() -> None:
    price = platforms.price("aws_lambda", {"runtime_memory": 2048, "architecture": "x86_64"})
    assert price is not None
    assert price.usd_per_s == pytest.approx(2 * 16.6667e-6)
    assert (price.usd_per_start, price.rounding_s) == (pytest.approx(0.2e-6), 0.001)


def test_another_processor_has_its_own_price() -> None:
    price = platforms.price("aws_lambda", {"runtime_memory": 1024, "architecture": "arm64"})
    assert price is not None
    assert price.usd_per_s == pytest.approx(13.3334e-6)
    assert price.usd_per_start == pytest.approx(0.2e-6)


@pytest.mark.parametrize(
    ("backend", "usd_per_s"),
    [
        ("gcp_cloudrun", 4 * 24e-6 + 8 * 2.5e-6),
        ("azure_containers", 4 * 24e-6 + 8 * 3e-6),
        ("code_engine", 4 * 34.31e-6 + 8 * 3.56e-6),
    ],
)
def test_others_cost_vcpus_and_memory(backend: str, usd_per_s: float) -> None:
    price = platforms.price(backend, {"runtime_memory": 8192, "runtime_cpu": 4})
    assert price is not None
    assert price.usd_per_s == pytest.approx(usd_per_s)


@pytest.mark.parametrize(
    ("backend", "section"),
    [("localhost", {"runtime_memory": 256}), ("k8s", {}), ("gcp_cloudrun", {"runtime_cpu": 1})],
)
def test_what_is_not_known_has_no_price(backend: str, section: dict[str, float]) -> None:
    assert platforms.price(backend, section) is None


def test_every_price_has_its_source_and_its_day() -> None:
    listed = [entry["price"] for entry in platforms.table().values() if "price" in entry]
    assert len(listed) == 4
    for price in listed:
        assert price["source"].startswith("https://")
        assert price["as_of"].year >= 2026
