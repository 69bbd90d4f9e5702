"""Run files."""

import json
import math
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.report.made import PRICE, made_run

from burly.events import StateMade
from burly.exceptions import RunFileError
from burly.model_files import ModelFile, write_model
from burly.report.run import Run


@pytest.mark.parametrize("price", [None, PRICE])
def test_a_run_comes_back_as_it_was(tmp_path: Path, price) -> None:
    run = made_run(price=price, error="DataError: no")
    run.save(tmp_path / "run.json")
    assert Run.load(tmp_path / "run.json") == run


def test_a_run_file_is_json_with_named_fields(tmp_path: Path) -> None:
    run = made_run(price=PRICE)
    content = json.loads(run.to_json())
    assert (content["task"], content["seed"], content["init"]) == ("KMeans.fit", 3, "k-means||")
    assert [entry.pop("event") for entry in content["events"]] == [
        type(event).__name__ for event in run.events
    ]
    assert content["events"] == [asdict(event) for event in run.events]


def test_what_json_has_no_word_for_is_left_out_or_text() -> None:
    run = Run({"C": math.inf, "path": Path("x")})
    run.record(StateMade(1.0, 2, "p", {"shift": math.nan, "loss": 1.0}))
    content = json.loads(run.to_json(), parse_constant=pytest.fail)
    assert content["settings"] == {"C": "inf", "path": "x"}
    assert content["events"][0]["figures"] == {"loss": 1.0}


def test_fields_of_a_later_burly_are_ignored(tmp_path: Path) -> None:
    run = made_run()
    content = json.loads(run.to_json())
    for entry in content["events"]:
        entry["later"] = 1
    (tmp_path / "run.json").write_text(json.dumps(content))
    assert Run.load(tmp_path / "run.json").events == run.events


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[1]", "null", '{"format": "else", "version": 1, "events": []}',
     '{"format": "burly run", "version": "1", "events": []}', "[" * 100_000],
)  # fmt: skip
def test_what_is_no_run_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(RunFileError, match=r"x\.json is not a run file .*--run run\.json"):
        Run.load(path)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        *(("Launched", "at", value) for value in ("x", 1e300, -1e12, True, None, math.nan, 10**400)),
        *(("Launched", "n_workers", value) for value in (1.5, -1, "2", 2**63, [])),
        *(("Launched", "launcher", value) for value in (1, None)),
        *(("Launched", "price", value) for value in (7, [])),
        *(("RoundDone", "compute_s", value) for value in ("1", math.inf, {})),
        *(("StateMade", "figures", value) for value in (3, {"shift": "x"}, {"shift": None})),
        *(("Ended", "error", value) for value in (None, 3)),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_is_named(tmp_path: Path, kind: str, field: str, value) -> None:
    content = json.loads(made_run().to_json())
    number = next(n for n, entry in enumerate(content["events"], 1) if entry["event"] == kind)
    content["events"][number - 1][field] = value
    path = tmp_path / "x.json"
    path.write_text(json.dumps(content))
    with pytest.raises(
        RunFileError, match=rf"x\.json .* event {number}, {kind}: {field} is .*, not"
    ):
        Run.load(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"events": None}, "events is None, not a list"),
        ({"events": [{"event": "Nothing"}]}, "event 1 is of no kind that burly knows"),
        ({"events": [3]}, "event 1 is of no kind that burly knows"),
        ({"events": [{"event": "Ended"}]}, "event 1, Ended: at is missing"),
        ({"settings": [1]}, r"settings is \[1\], not names with values"),
        ({"seed": "x"}, "seed is 'x', not a whole number"),
        ({"task": 3}, "task is 3, not text"),
    ],
)
def test_a_changed_file_is_refused_with_what_is_wrong(tmp_path: Path, change, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(json.loads(made_run().to_json()) | change))
    with pytest.raises(
        RunFileError, match=rf"x\.json is a run file .* damaged: {said} .*--run run"
    ):
        Run.load(path)


def test_a_price_is_looked_at_too(tmp_path: Path) -> None:
    content = json.loads(made_run(price=PRICE).to_json())
    content["events"][0]["price"]["rounding_s"] = "x"
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(RunFileError, match="event 1, Launched: price: rounding_s is 'x', not"):
        Run.load(tmp_path / "x.json")


def test_a_model_is_no_run(tmp_path: Path) -> None:
    write_model(tmp_path / "model.npz", ModelFile("KMeans", {}, {}))
    with pytest.raises(RunFileError, match="is not a run file"):
        Run.load(tmp_path / "model.npz")


def test_a_missing_file_and_a_later_version_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match="there is no run file"):
        Run.load(tmp_path / "missing.json")
    path = tmp_path / "late.json"
    path.write_text('{"format": "burly run", "version": 99, "events": []}')
    with pytest.raises(RunFileError, match="later version"):
        Run.load(path)


def test_a_file_that_cannot_be_written_is_our_error(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match="cannot write"):
        made_run().save(tmp_path / "no" / "run.json")
