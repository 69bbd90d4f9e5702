"""What a run cost."""

from dataclasses import replace

import pytest
from tests.report.made import PRICE, made_run

from burly.events import Ended, Launched, PartitionLoaded, Price, WorkerFinished, WorkerStarted
from burly.report.cost import cost

ROUGH = Price("somewhere", 0.01, 0.5, 0.1, "https://example.org", "2026-11-24")


def test_two_functions_cost_their_time_and_their_starts() -> None:
    events = [
        Launched(0.0, 2, 1.0, "Lithops somewhere", 1024, ROUGH),
        WorkerStarted(1.0, 0, 0, 1, 1.0, "a", "avx2"),
        WorkerStarted(1.5, 1, 0, 1, 1.5, "b", "avx2"),
        PartitionLoaded(2.0, 0, 0, 0.5, 10, 1, 80),
        WorkerFinished(3.21, 0, 0, 0.1, 0),
        WorkerFinished(3.5, 1, 0, 0.1, 0),
        Ended(4.0),
    ]
    found = cost(events)
    assert found is not None
    assert found.billed_s == pytest.approx(2.3 + 2.0)  # 2.21 s is rounded up to 2.3 s
    assert found.usd == pytest.approx(4.3 * 0.01 + 2 * 0.5)
    assert found.usd_with_starting == pytest.approx((4.3 + 2.5) * 0.01 + 2 * 0.5)


def test_what_is_a_multiple_already_is_not_rounded_up_again() -> None:
    price = replace(ROUGH, usd_per_start=0.0)
    for ended in (1.3, 1.7, 2.1):
        events = [
            Launched(0.0, 1, 1.0, "x", 0, price),
            WorkerStarted(1.0, 0, 0, 1, 1.0, "a", "avx2"),
            WorkerFinished(ended, 0, 0, 0.1, 0),
        ]
        found = cost(events)
        assert found is not None
        assert found.billed_s == pytest.approx(ended - 1.0)


def test_each_attempt_of_a_rank_is_a_function_that_costs() -> None:
    events = [
        Launched(0.0, 1, 1.0, "x", 0, replace(ROUGH, rounding_s=0.0)),
        WorkerStarted(1.0, 0, 0, 1, 1.0, "a", "avx2"),
        PartitionLoaded(2.0, 0, 0, 0.5, 10, 1, 80),
        WorkerStarted(5.0, 0, 1, 1, 1.0, "b", "avx2"),
        WorkerFinished(8.0, 0, 1, 0.1, 0),
        Ended(9.0),
    ]
    found = cost(events)
    assert found is not None
    assert (found.n_starts, found.billed_s) == (2, pytest.approx(1.0 + 3.0))


def test_a_worker_that_was_not_heard_of_again_is_charged_to_the_end() -> None:
    events = [
        Launched(0.0, 1, 1.0, "x", 0, ROUGH),
        WorkerStarted(1.0, 0, 0, 1, 1.0, "a", "avx2"),
        Ended(6.0, "WorkerDiedError: gone"),
    ]
    found = cost(events)
    assert found is not None
    assert found.billed_s == pytest.approx(5.0)


def test_where_there_is_no_price_there_is_no_cost() -> None:
    assert made_run().cost() is None
    assert made_run(price=PRICE).cost() is not None
