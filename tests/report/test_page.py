"""The page about a run, as text."""

import hashlib
import re
import sys
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from tests.report.made import PRICE, made_run

from burly import KMeans, Lithops
from burly.estimators.base import run_of
from burly.events import Ended, Launched, Noted, RoundDone, StateMade
from burly.exceptions import ReportError
from burly.report import charts
from burly.report.breakdown import SHARES
from burly.report.figures import figures
from burly.report.page import page
from burly.report.run import Run
from burly.report.spans import MOST_DRAWN
from burly.report.story import findings, headline, stages, tiles


def rows_of(run: Run, chart: str) -> list[dict]:
    (rows,) = charts.charts(run)[chart]["datasets"].values()
    return rows


def test_the_only_script_that_may_run_is_the_one_that_is_there() -> None:
    text = page(made_run())
    scripts = re.findall(r'<script type="module">(.*?)</script>', text, re.DOTALL)
    assert len(scripts) == 1
    digest = b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{digest}'; style-src" in text
    assert text.count("<script") == 2  # the other holds data
    assert "unsafe-eval" not in text.partition("<script")[0]


def test_the_page_asks_for_no_file() -> None:
    outside_of_scripts = re.sub(
        r"<script.*?</script>", "", page(made_run(price=PRICE)), flags=re.DOTALL
    )
    assert not re.search(r"<(link|img|iframe|object|embed)\b", outside_of_scripts)
    assert not re.search(r"@import|url\(|\bsrc=", outside_of_scripts)


def test_text_from_a_run_is_text() -> None:
    run = made_run()
    run.settings = {"<b>": "</script><script>alert(1)</script>"}
    run.record(Noted(1.0, "<img src=x>"))
    run.record(StateMade(1.0, 14, "</script>", {"</script>": 1.0}))
    run.record(StateMade(1.0, 15, "<!--", {"</script>": 2.0}))
    run.record(Ended(1.0, "<i>no</i>"))
    text = page(run)
    assert text.count("</script>") == 2
    for evil in ("<img", "<i>no", "<b>&lt;", "alert(1)<"):
        assert evil not in text.partition('<script type="module">')[0]


def test_a_run_that_was_not_launched_has_no_page() -> None:
    with pytest.raises(ReportError, match="never launched"):
        page(Run())


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "burly.report.charts")
    monkeypatch.delattr("burly.report.charts")
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(ReportError, match=r"pip install 'burly\[report\]'"):
        made_run().report(tmp_path / "run.html")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_only_just_began_has_a_page() -> None:
    run = Run(task="KMeans.fit")
    run.record(Launched(1.0, 2, 1.0, "Lithops localhost"))
    assert "KMeans.fit, not finished" in page(run)
    run.record(Ended(2.0, "StartTimeoutError: 0 of 2 functions started"))
    text = page(run)
    assert "KMeans.fit failed after 1.00\u00a0s" in text
    assert "0 of 2 functions started" in text


def test_the_timeline_draws_a_bounded_number_of_spans() -> None:
    run = made_run(n_workers=8, n_rounds=400)
    rows = rows_of(run, "timeline")
    assert "rounds are drawn as one" in page(run)
    assert "rounds are drawn as one" not in page(made_run())
    assert len(rows) < 1.1 * MOST_DRAWN
    for share in SHARES:
        drawn_s = sum(row["seconds"] for row in rows if row["share"] == share)
        assert drawn_s == pytest.approx(run.total().seconds(share), rel=1e-4), share


def test_rounds_are_drawn_in_the_mean_of_their_workers() -> None:
    run = made_run()
    drawn_s = sum(row["seconds"] for row in rows_of(run, "rounds"))
    assert drawn_s == pytest.approx(run.total().rounds_s / 3, rel=1e-4)
    many = rows_of(made_run(n_workers=2, n_rounds=1000), "rounds")
    assert len({row["first"] for row in many}) <= charts.MOST_ROUNDS


def test_a_curve_that_begins_late_says_why() -> None:
    assert "Its curve begins in round 3: the 2 rounds before (profile) prepared the start" in page(
        made_run()
    )
    assert "curve begins" not in page(made_run(n_rounds=2))


def test_curves_show_the_figures_but_no_counters() -> None:
    drawn = charts.charts(made_run())
    assert [name for name in drawn if name.startswith("figure-")] == ["figure-shift"]
    points = rows_of(made_run(), "figure-shift")
    assert [(p["round"], p["value"]) for p in points] == [(n, 2.0**-n) for n in range(3, 13)]
    late = made_run()
    shuffled = Run()
    for event in reversed(list(late.events)):
        shuffled.record(event)
    assert figures(shuffled.events) == figures(late.events)
    long = rows_of(made_run(n_rounds=1000), "figure-shift")
    assert len(long) <= charts.MOST_ROUNDS + 1
    assert (long[0]["round"], long[-1]["round"]) == (3, 1000)


def test_stages_add_up_to_the_whole_time() -> None:
    run = made_run()
    assert sum(stage.spent_s for stage in stages(run)) == pytest.approx(run.elapsed_s)
    names = ["launch", "join", "load", "rounds", "finish"]
    assert [stage.name for stage in stages(run)] == names


def test_the_headline_and_the_findings_say_what_matters() -> None:
    run = made_run()
    assert re.fullmatch(r"KMeans\.fit on 3\.\d\d k rows took 3\.\d\d s", headline(run))
    said = " ".join(findings(run))
    assert f"waited {run.total().waiting:.0%}" in said
    shares = next(text for text in findings(run) if text.startswith("In rounds"))
    assert sum(map(int, re.findall(r"(\d+)%", shares))) == pytest.approx(100, abs=2)
    assert "Worker 1 came last in 12 of 12 rounds" in said
    assert "No single worker" in " ".join(findings(_even()))


def test_a_round_that_holds_most_of_the_waiting_is_named() -> None:
    run = made_run()
    assert "of all waiting was in" not in " ".join(findings(run))
    run.events = [
        replace(event, wait_s=60.0)
        if isinstance(event, RoundDone) and event.round == 2 and event.wait_s
        else event
        for event in run.events
    ]
    said = " ".join(findings(run))
    assert "of all waiting was in round 2 (profile), for worker 1." in said
    assert "Worker 1 came last in 11 of 11 other rounds" in said


def test_who_was_waited_for_in_one_round_does_not_contradict_the_others() -> None:
    run = made_run()
    run.events = [
        replace(  # every worker updates: the last is who did not wait
            event,
            compute_s=0.1,
            wait_s=60.0 if event.round == 2 and event.wait_s else 0.0,
            update_s=0.001,
        )
        if isinstance(event, RoundDone)
        else event
        for event in run.events
    ]
    assert findings(run)[-2:] == [
        "100% of all waiting was in round 2 (profile), for worker 1.",
        "No single worker held the others up in the other rounds.",
    ]


@pytest.mark.parametrize(("name", "value"), [("inertia", "113,001"), ("loss", "0.0430916")])
def test_how_good_the_model_became_is_told(name: str, value: str) -> None:
    run = made_run()
    last = max(event.round for event in run.events if isinstance(event, StateMade))
    run.record(StateMade(1010.0, last + 1, "done", {name: float(value.replace(",", ""))}))
    assert {tile.name: tile.value for tile in tiles(run)}[name.capitalize()] == value
    assert value in page(run)


def _even() -> Run:
    run = made_run(n_workers=2)
    run.events = [event for event in run.events if getattr(event, "rank", 0) == 0]
    return run


def test_a_price_makes_a_cost() -> None:
    by_name = {tile.name: tile for tile in tiles(made_run(price=PRICE))}
    cost = made_run(price=PRICE).cost()
    assert cost is not None
    assert by_name["Cost"].value == f"${cost.usd:.6f}"
    assert "2026-11-24" in page(made_run(price=PRICE))
    assert {tile.name: tile.value for tile in tiles(made_run())}["Cost"] == "–"


def test_a_notebook_needs_no_scripts() -> None:
    run = made_run(n_workers=20)
    run.record(Noted(1.0, "a < b"))
    text = run._repr_html_()
    assert headline(run) in text
    assert "a &lt; b" in text
    assert "+ 4" in text
    assert "<script" not in text
    assert all(stage.name in text for stage in stages(run))
    assert len(stages(run)) == 5
    assert len(text) < 60_000
    assert Run()._repr_html_().startswith("<p>&lt;Run")


def test_no_secret_of_a_launcher_is_kept_or_shown(tmp_path: Path) -> None:
    launcher = Lithops(
        state="redis://user:hush@cache:6379?password=hush", config={"lithops": {"key": "hush"}}
    )
    run = made_run()
    run.settings = run_of(KMeans(launcher=launcher), "fit").settings
    run.save(tmp_path / "run.json")
    assert "cache:6379" in page(run)
    assert "hush" not in page(run) + (tmp_path / "run.json").read_text()
