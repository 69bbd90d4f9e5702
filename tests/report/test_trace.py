"""The trace that Perfetto opens."""

import json
from collections import Counter
from itertools import pairwise

import pytest
from tests.report.made import made_run, of

from burly.events import StateMade
from burly.report.breakdown import SHARES


@pytest.fixture
def entries(tmp_path):
    made_run().save_trace(tmp_path / "trace.json")
    content = json.loads((tmp_path / "trace.json").read_text(), parse_constant=pytest.fail)
    return content["traceEvents"]


def test_every_entry_has_what_its_kind_needs(entries) -> None:
    needed = {
        "M": {"name", "pid", "args"},
        "X": {"name", "cat", "pid", "tid", "ts", "dur"},
        "i": {"name", "pid", "tid", "ts", "s"},
        "C": {"name", "pid", "ts", "args"},
    }
    assert set(needed) == {entry["ph"] for entry in entries}
    for entry in entries:
        assert needed[entry["ph"]] <= set(entry)
        assert entry.get("dur", 0) >= 0
        assert all(isinstance(entry[key], int) for key in ("pid", "tid") if key in entry)


def test_spans_of_a_thread_do_not_overlap_which_viewers_would_nest(entries) -> None:
    threads = {entry["tid"] for entry in entries if entry["ph"] == "X"}
    for tid in threads:
        mine = sorted(
            (e for e in entries if e["ph"] == "X" and e["tid"] == tid), key=lambda e: e["ts"]
        )
        for earlier, later in pairwise(mine):
            assert earlier["ts"] + earlier["dur"] <= later["ts"] + 1.0


def test_it_holds_the_time_of_the_events(entries) -> None:
    spent = Counter()
    for entry in entries:
        if entry["ph"] == "X":
            spent[entry["name"]] += entry["dur"]
    total = made_run().total()
    for share in SHARES:
        assert spent[share] / 1e6 == pytest.approx(total.seconds(share), rel=1e-4), share


def test_workers_have_names_and_states_stand_on_a_line_of_their_own(entries) -> None:
    names = {e["tid"]: e["args"]["name"] for e in entries if e["name"] == "thread_name"}
    assert names == {1: "states", **{n + 2: f"worker {n} host:{n + 10}" for n in range(3)}}
    assert sum(e["ph"] == "i" for e in entries) == len(of(made_run(), StateMade))
