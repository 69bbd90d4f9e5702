"""The page about a run, in a browser: what it loads, what it complains of, what it shows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from tests.report.chromium import chromium, needs_chromium, wait_for
from tests.report.made import PRICE, made_run, of

from burly.events import PartitionLoaded, RoundDone, WorkerFinished, WorkerStarted
from burly.report.breakdown import IN_ROUNDS
from burly.report.run import Run
from burly.report.units import bytes_text, count_text, seconds_text

TIMES = "[data-chart=timeline] .role-axis-label text"

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Callable[..., Any]:
    def open_(run: Run, *, width: int = 1280, scheme: str = "light") -> Any:
        path = tmp_path / "run.html"
        run.report(path)
        browser.get("about:blank")
        browser.get_log("performance")
        browser.get_log("browser")
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        browser.get(path.as_uri())
        wait_for(browser, "return document.documentElement.dataset.drawn === 'all'")
        return browser

    return open_


def texts(browser: Any, selector: str) -> list[str]:
    found = browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector
    )
    return [text.replace("\u00a0", " ") for text in found]


def table(browser: Any, heading: str) -> dict[str, dict[str, str]]:
    """Return a table as the cells of each row, by the names of row and column."""
    rows = browser.execute_script(
        """const section = [...document.querySelectorAll("section")].find(
             (s) => s.querySelector("h2").textContent === arguments[0]);
           return [...section.querySelectorAll("tr")].map(
             (row) => [...row.cells].map((cell) => cell.textContent));""",
        heading,
    )
    head, *body = [[cell.replace("\u00a0", " ") for cell in row] for row in rows]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in body}


def test_nothing_is_asked_of_the_network_and_nothing_complains(opened) -> None:
    browser = opened(made_run(price=PRICE))
    sent = [
        message["params"]["request"]["url"]
        for entry in browser.get_log("performance")
        if (message := json.loads(entry["message"])["message"])["method"]
        == "Network.requestWillBeSent"
    ]
    assert [url for url in sent if not url.startswith(("data:", "about:"))] == [browser.current_url]
    assert browser.get_log("browser") == []


def test_the_page_may_not_ask_the_network_even_if_it_tried(opened) -> None:
    browser = opened(made_run())
    answer = browser.execute_async_script(
        """const done = arguments[0];
           fetch("http://localhost:1/").then(() => done("sent"), (error) => done(String(error)));"""
    )
    assert answer != "sent"
    assert any(
        "Content Security Policy" in entry["message"] for entry in browser.get_log("browser")
    )


def test_the_times_are_those_of_the_events(opened) -> None:
    run = made_run()
    shown = table(opened(run), "Where the time went")
    rounds, total = of(run, RoundDone), dict.fromkeys(("launch", "load", "finish", *IN_ROUNDS), 0.0)
    for rank in range(3):
        spent = {
            "launch": sum(e.launch_s for e in of(run, WorkerStarted) if e.rank == rank),
            "load": sum(e.load_s for e in of(run, PartitionLoaded) if e.rank == rank),
            "finish": sum(e.finish_s for e in of(run, WorkerFinished) if e.rank == rank),
        }
        for share in IN_ROUNDS:
            spent[share] = sum(getattr(e, f"{share}_s") for e in rounds if e.rank == rank)
        assert shown[str(rank)] == {name: seconds_text(s) for name, s in spent.items()}
        total = {name: total[name] + seconds for name, seconds in spent.items()}
    assert shown["all"] == {name: seconds_text(seconds) for name, seconds in total.items()}


def test_the_traffic_is_that_of_the_events(opened) -> None:
    run = made_run()
    shown = table(opened(run), "Bytes and commands")
    rounds = of(run, RoundDone)
    for who, mine in [("all", rounds), ("2", [e for e in rounds if e.rank == 2])]:
        sent, received = sum(e.bytes_sent for e in mine), sum(e.bytes_received for e in mine)
        rows = sum(e.n_rows for e in of(run, PartitionLoaded) if who in ("all", str(e.rank)))
        assert shown[who] == {
            "rows": count_text(rows),
            "sent": bytes_text(sent),
            "received": bytes_text(received),
            "commands": count_text(2 * len(mine)),
            "bytes a round": bytes_text((sent + received) / len(mine)),
            "commands a round": "2.00",
        }


def test_the_headline_is_that_of_the_events(opened) -> None:
    run = made_run(price=PRICE)
    browser = opened(run)
    elapsed = seconds_text(run.events[-1].at - run.events[0].at)
    rows = count_text(sum(e.n_rows for e in of(run, PartitionLoaded)))
    assert texts(browser, "h1") == [f"KMeans.fit on {rows} rows took {elapsed}"]
    rounds = of(run, RoundDone)
    waited = sum(e.wait_s for e in rounds) / sum(
        getattr(e, f"{share}_s") for e in rounds for share in IN_ROUNDS
    )
    shown = dict(
        zip(texts(browser, ".tiles dt"), texts(browser, ".tiles dd:nth-of-type(1)"), strict=True)
    )
    cost = run.cost()
    assert cost is not None
    assert shown == {
        "Time": elapsed,
        "Cost": f"${cost.usd:.6f}",
        "Rows": rows,
        "Workers": "3 × 2",
        "Rounds": "12",
        "Waiting": f"{waited:.0%}",
    }


def test_the_timeline_has_a_rectangle_for_each_thing_that_was_done(opened) -> None:
    run = made_run()
    labels = opened(run).execute_script(
        """return [...document.querySelectorAll("[data-chart=timeline] .mark-rect path")]
             .map((path) => path.getAttribute("aria-label"))"""
    )
    spent = [
        getattr(event, f"{share}_s")
        for event in run.events
        for share in ("launch", "load", "finish", *IN_ROUNDS)
        if getattr(event, f"{share}_s", 0) > 0
    ]
    drawn = [float(re.search(r"seconds: ([\d.e+-]+)", label)[1]) for label in labels]
    assert sorted(drawn) == pytest.approx(sorted(spent), rel=1e-3)


def test_the_timeline_zooms_and_goes_back(opened) -> None:
    browser = opened(made_run())

    def ticks() -> set[str]:
        return {text for text in texts(browser, TIMES) if text.endswith("s")}

    whole = ticks()
    for button in ("rounds", "in"):
        before = ticks()
        browser.execute_script(f"document.querySelector('[data-zoom={button}]').click()")
        assert ticks() != before
    browser.execute_script("document.querySelector('[data-zoom=whole]').click()")
    assert ticks() == whole


def test_hovering_says_what_was_done(opened) -> None:
    browser = opened(made_run())
    spans = browser.find_elements(By.CSS_SELECTOR, "[data-chart=timeline] .mark-rect path")
    load = next(s for s in spans if "what: load" in (s.get_attribute("aria-label") or ""))
    ActionChains(browser).move_to_element(load).perform()
    wait_for(browser, "return !!document.querySelector('#vg-tooltip-element.visible')")
    assert "whatload" in texts(browser, "#vg-tooltip-element")[0].replace(" ", "")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_no_wider_than_its_window(opened, width: int) -> None:
    browser = opened(made_run(n_workers=5, price=PRICE), width=width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    widths = browser.execute_script(
        "return [...document.querySelectorAll('.chart svg')].map((e) => e.getBoundingClientRect().width)"
    )
    assert len(widths) == 5
    assert all(0.8 * (width - 260) < each <= width for each in widths)


def _contrast(first: str, second: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(opened, scheme: str) -> None:
    browser = opened(made_run(error="DataError: no"), scheme=scheme)
    page = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (_contrast(page, "rgb(0, 0, 0)") > 10) == (scheme == "light")
    seen = browser.execute_script(
        """const behind = (e) => {
             const colour = getComputedStyle(e).backgroundColor;
             return colour === "rgba(0, 0, 0, 0)" && e.parentElement ? behind(e.parentElement) : colour;
           };
           return [...document.querySelectorAll("main *")]
             .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
             .map((e) => [e.textContent, getComputedStyle(e)[e.closest("svg") ? "fill" : "color"],
                          behind(e.closest("svg")?.parentElement ?? e)]);"""
    )
    assert len(seen) > 50
    for text, colour, back in seen:
        assert _contrast(colour, back) >= 4.5, (text, colour, back)


def test_it_prints_its_charts_on_white(opened) -> None:
    browser = opened(made_run(), scheme="dark")
    media = {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    style = "return getComputedStyle(document.body).backgroundColor"
    assert browser.execute_script(style) == "rgb(255, 255, 255)"
    label = "return getComputedStyle(document.querySelector('.role-axis-label text')).fill"
    assert _contrast(browser.execute_script(label), "rgb(255, 255, 255)") > 4.5
    assert len(browser.execute_cdp_cmd("Page.printToPDF", {})["data"]) > 10_000
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_without_rounds_and_charts_the_page_still_stands(opened) -> None:
    run = made_run(n_workers=1, n_rounds=0)
    browser = opened(run)
    assert texts(browser, "h2") == [
        "Timeline",
        "Where the time went",
        "Bytes and commands",
        "Settings",
    ]
    assert browser.get_log("browser") == []
