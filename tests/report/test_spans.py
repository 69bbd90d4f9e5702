"""A run on a line of time."""

from collections import defaultdict
from itertools import pairwise

import pytest
from tests.report.made import made_run

from burly.events import RoundDone
from burly.report.breakdown import IN_ROUNDS, SHARES
from burly.report.spans import spans


def test_spans_last_as_long_as_the_events_say() -> None:
    run = made_run()
    for share in run.breakdown():
        mine = [span for span in spans(run.events) if span.rank == share.rank]
        for name in SHARES:
            lasted_s = sum(span.end_s - span.begin_s for span in mine if span.share == name)
            assert lasted_s == pytest.approx(share.seconds(name)), name


def test_a_worker_does_one_thing_at_a_time() -> None:
    by_worker = defaultdict(list)
    for span in spans(made_run().events):
        by_worker[span.rank].append(span)
    for mine in by_worker.values():
        mine.sort(key=lambda span: span.begin_s)
        for earlier, later in pairwise(mine):
            assert earlier.end_s <= later.begin_s + 1e-6


def test_a_round_ends_when_its_event_says() -> None:
    run = made_run()
    event = next(e for e in run.events if isinstance(e, RoundDone) and e.round == 5)
    last = [span for span in spans(run.events) if (span.rank, span.rounds) == (event.rank, (5, 5))]
    assert last[-1].share == "receive"
    assert last[-1].end_s == pytest.approx(event.at - 1000.0)


def test_time_counts_from_the_launch() -> None:
    starts = [span for span in spans(made_run().events) if span.share == "launch"]
    assert [span.begin_s for span in starts] == pytest.approx([0.0] * 3, abs=1e-9)


@pytest.mark.parametrize("at_most", [50, 200, 1000])
def test_long_runs_show_neighbouring_rounds_as_one(at_most: int) -> None:
    run = made_run(n_rounds=200)
    coarse = spans(run.events, at_most=at_most)
    # Each phase and worker may start one group that is not full.
    assert len(coarse) <= at_most + 2 * 3 * len(IN_ROUNDS)
    for name in SHARES:
        lasted_s = sum(span.end_s - span.begin_s for span in coarse if span.share == name)
        assert lasted_s == pytest.approx(run.total().seconds(name)), name


def test_rounds_of_different_phases_are_not_put_together() -> None:
    for span in spans(made_run(n_rounds=200).events, at_most=20):
        assert not span.rounds or (span.rounds[1] <= 2) == (span.phase == "profile")
