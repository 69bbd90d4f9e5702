"""What a run leaves to read."""

import io
import pickle

import pytest
from rich.console import Console

from burly.events import (
    Ended,
    Event,
    Launched,
    Noted,
    PartitionLoaded,
    RoundDone,
    StateMade,
    WorkerFinished,
    WorkerStarted,
)
from burly.plurals import count
from burly.report.progress import LINE_S, progress
from burly.report.run import Run, tee
from burly.report.units import bytes_text, count_text, seconds_text


def events(n_workers: int = 2, n_rounds: int = 4) -> list[Event]:
    seen: list[Event] = [Launched(100.0, n_workers, 1.0, "Lithops localhost")]
    for rank in range(n_workers):
        seen.append(WorkerStarted(100.3, rank, 0, 1, 0.25, "host:1", "avx2"))
        seen.append(PartitionLoaded(100.4, rank, 0, 0.5, 1000, 2, 4000))
        seen += [
            RoundDone(100.5, rank, 0, round_, "lloyd", 0.4, 0.1, 0.3, 0.05, 0.15, 10, 20, 2)
            for round_ in range(1, n_rounds + 1)
        ]
        seen.append(WorkerFinished(101.0, rank, 0, 0.125, 64))
    return [*seen, Ended(102.0)]


def run(**parameters: int) -> Run:
    seen = Run(seed=3, init="k-means++")
    for event in events(**parameters):
        seen.record(event)
    return seen


def printed(seen: Run, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(seen.table())
    return capture.get()


def test_each_worker_has_its_breakdown() -> None:
    share = run().breakdown()[1]
    assert (share.rank, share.launch_s, share.load_s, share.finish_s) == (1, 0.25, 0.5, 0.125)
    assert share.compute_s == pytest.approx(1.6)
    assert (share.bytes_sent, share.bytes_received, share.commands) == (40, 80, 8)


def test_the_total_adds_workers_and_counts_rounds_once() -> None:
    total = run().total()
    assert total.wait_s == pytest.approx(2.4)
    assert (total.n_rows, total.n_rounds, total.commands) == (2000, 4, 16)


def test_the_share_of_waiting_is_of_the_time_in_rounds() -> None:
    assert run().total().waiting == pytest.approx(0.3)


def test_rows_per_second_count_each_round() -> None:
    assert run().rows_per_s == pytest.approx(2 * 1000 * 4 / 4.0)


def test_it_took_from_launch_to_end() -> None:
    assert run().elapsed_s == pytest.approx(2.0)


@pytest.mark.parametrize("width", [80, 160])
def test_the_table_fits_the_terminal(width: int) -> None:
    lines = printed(run(), width).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    for name in ("launch", "contribute", "wait", "receive", "finish", "sent", "commands"):
        assert any(name in line for line in lines), name


def test_many_workers_are_abridged() -> None:
    text = printed(run(n_workers=100), 160)
    assert "+ 88" in text
    assert "total" in text


def test_notes_stand_under_the_table() -> None:
    seen = run()
    seen.record(Noted(1.0, "the data has 1 shard"))
    assert "note: the data has 1 shard" in str(seen)


def test_a_run_without_workers_says_so() -> None:
    assert str(Run()) == "no worker has reported yet"


def test_a_run_survives_pickling() -> None:
    seen = run()
    assert pickle.loads(pickle.dumps(seen)) == seen  # noqa: S301  our own bytes


def test_its_repr_is_one_line() -> None:
    assert repr(run()) == "<Run: 2 workers Lithops localhost, 4 rounds, 2.00 s>"


def test_the_repr_of_a_failed_run_says_why() -> None:
    seen = Run()
    seen.record(Ended(1.0, "DataError: no"))
    assert "failed: DataError: no" in repr(seen)


def test_a_notebook_shows_text_as_text() -> None:
    seen = run()
    seen.record(Noted(1.0, "a < b"))
    assert "a &lt; b" in seen._repr_html_()


def test_observers_can_share_events() -> None:
    first, second = Run(), Run()
    tee(first.record, second.record)(Ended(1.0))
    assert first.events == second.events == [Ended(1.0)]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "-"), (4e-7, "0.40 us"), (0.0123, "12.3 ms"), (1.234, "1.23 s"), (123.4, "123 s")],
)
def test_seconds_have_three_digits(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(0, "0 B"), (999, "999 B"), (1234, "1.23 kB"), (999_999, "1.00 MB")]
)
def test_bytes_have_three_digits(n_bytes: int, text: str) -> None:
    assert bytes_text(n_bytes) == text


def test_counts_and_nouns() -> None:
    assert count_text(7) == "7"
    assert count_text(1_500_000) == "1.50 M"
    assert [count(1, "worker"), count(2, "worker")] == ["1 worker", "2 workers"]


def shown(seen: list[Event]) -> list[str]:
    stream = io.StringIO()
    with progress(Run(seed=3, init="random"), stream=stream) as show:
        for event in seen:
            show(event)
    return [line.partition("] ")[2] for line in stream.getvalue().splitlines()]


def test_progress_without_a_terminal_is_plain_lines() -> None:
    state = StateMade(101.0, 5, "lloyd", {"shift": 0.5})
    assert shown([*events()[:-1], state, Ended(102.0)]) == [
        "seed 3, start random",
        "Lithops localhost: launching 2 workers",
        "lloyd, round 5, shift 0.5, 2.00 k rows/s, 30% waiting",
        "done",
    ]


def test_progress_does_not_go_back_to_a_state_that_is_told_late() -> None:
    late = [StateMade(101.0, 9, "done"), StateMade(100.0, 8, "final")]
    assert shown(late)[1:] == ["done, round 9"]


def test_plain_lines_about_one_phase_do_not_follow_every_round() -> None:
    states: list[Event] = [StateMade(101.0, r, "lloyd") for r in range(2, 500)]
    assert LINE_S >= 1
    assert len(shown(states)) < 20


def test_plain_lines_say_what_failed_and_what_to_know() -> None:
    lines = shown([Noted(1.0, "look"), Ended(1.0, "DataError: no")])
    assert lines[1:] == ["note: look", "failed"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_in_a_terminal_is_one_line_that_goes_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = _Terminal()
    with progress(Run(seed=3, init="random"), stream=stream) as show:
        for event in [*events()[:-1], StateMade(101.0, 5, "lloyd", {"shift": 0.5})]:
            show(event)
        show._live.refresh()  # type: ignore[attr-defined]
    text = stream.getvalue()
    assert "round 5  shift 0.5" in text
    assert text.rindex("\x1b[2K") > text.rindex("round 5")
