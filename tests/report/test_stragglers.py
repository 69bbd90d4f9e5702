"""Which workers the others waited for."""

import pytest
from tests.report.made import made_run

from burly.events import RoundDone
from burly.report.stragglers import paces, straggler


def done(rank: int, round_: int, compute_s: float, wait_s: float) -> RoundDone:
    update_s = 0.0 if wait_s else 0.001
    return RoundDone(0.0, rank, 0, round_, "lloyd", compute_s, 0.0, wait_s, update_s, 0, 0, 0, 2)


EVENTS = [
    *(done(0, 1, 1.0, 2.0), done(1, 1, 3.0, 0.0), done(2, 1, 2.0, 1.0)),
    *(done(0, 2, 1.0, 3.0), done(1, 2, 4.0, 0.0), done(2, 2, 2.0, 2.0)),
    *(done(0, 3, 2.0, 0.0), done(1, 3, 1.0, 1.0), done(2, 3, 1.0, 1.0)),
]


def test_who_came_last_and_what_it_cost_the_others_are_counted() -> None:
    assert [pace.n_last for pace in paces(EVENTS)] == [1, 2, 0]
    assert [pace.waited_s for pace in paces(EVENTS)] == pytest.approx([2.0, 3.0 + 5.0, 0.0])


def test_slowness_is_by_the_median_of_the_others() -> None:
    assert [pace.slowness for pace in paces(EVENTS)] == pytest.approx([4 / 6.5, 8 / 4.5, 5 / 6])
    assert [pace.longest_s for pace in paces(EVENTS)] == [2.0, 4.0, 2.0]


def test_of_two_workers_each_is_compared_with_the_other() -> None:
    two = [done(0, 1, 3.0, 0.0), done(1, 1, 2.0, 1.0)]
    assert [pace.slowness for pace in paces(two)] == pytest.approx([1.5, 2 / 3])


def test_the_slow_worker_that_is_often_last_is_named() -> None:
    found = straggler(paces(EVENTS))
    assert found is not None
    assert found.rank == 1
    made = straggler(paces(made_run().events))
    assert made is not None
    assert made.rank == 1


def test_nobody_is_blamed_where_all_are_as_fast() -> None:
    even = [
        done(rank, n, 1.0, 0.0 if rank == n % 3 else 0.1) for n in range(9) for rank in range(3)
    ]
    assert straggler(paces(even)) is None


def test_nobody_is_blamed_where_another_cost_more_once() -> None:
    often = [
        event
        for n in range(1, 7)
        for event in (done(0, n, 1.2, 0.0), done(1, n, 1.0, 0.2), done(2, n, 1.0, 0.2))
    ]
    once = [done(0, 7, 1.2, 60.0), done(1, 7, 1.0, 0.0), done(2, 7, 1.0, 60.0)]
    assert straggler(paces(often)) is not None
    assert straggler(paces([*often, *once])) is None


def test_a_worker_alone_waits_for_nobody() -> None:
    assert straggler(paces([done(0, 1, 1.0, 0.0)])) is None
    assert straggler(paces([])) is None
