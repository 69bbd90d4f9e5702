"""Write the tables of docs/experiments.md from results/*.csv: the last step of `make experiments`.

Each table stands between two comments with its name; the text around it is written by hand.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import end_to_end
import few_or_many
import intra_function
import synchronisation
from results import read, summarised

PAGE = Path(__file__).parents[1] / "docs" / "experiments.md"
LAYOUTS = [layout for layouts in few_or_many.LAYOUTS.values() for layout in layouts]
PAPER = "the paper's protocol"
Case = dict[str, Any]


def main() -> None:
    """Put the tables in."""
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
    print(f"wrote the tables of {PAGE.name}")


def filled(text: str) -> str:
    """Return the page with its tables rebuilt.

    Raises
    ------
    ValueError
        If the page has no place for one.
    """
    for name, make in TABLES.items():
        text = with_table(text, name, make())
    return text


def with_table(text: str, name: str, made: str) -> str:
    """Return the page with one table rebuilt."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    if (text.count(begin), text.count(end)) != (1, 1):
        raise ValueError(f"{PAGE} has no one place for the table {name}")
    head, _, rest = text.partition(begin)
    return f"{head}{begin}{made}{end}{rest.partition(end)[2]}"


def checked() -> str:
    """What the emulation should do and what it did, in each experiment."""
    names = {"intra_function": "1", "few_or_many": "2"}
    rows = [
        [number, row["what"], f"{row['asked']:g}", f"{row['least']:.3f} to {row['most']:.3f}"]
        for name, number in names.items()
        for row in read(f"{name}_checks")
    ]
    first = read("intra_function_checks")[0]
    return f"{first['date']}, {first['machine']}:\n\n" + table(
        ["experiment", "what", "target", "measured"], rows
    )


def improvements() -> str:
    """Seconds with one thread in a function and with all."""
    cases = intra_function.improved(read("intra_function"))
    rows = []
    for size in intra_function.SIZES:
        cells = [f"{intra_function.N_VCPUS // size} x {size}", f"{1 - 1 / size:.1%}"]
        for algorithm in intra_function.ALGORITHMS:
            one, many = (
                next(
                    case
                    for case in cases
                    if (case["algorithm"], case["vcpus"], case["n_threads"])
                    == (algorithm, size, n_threads)
                )
                for n_threads in (1, size)
            )
            cells.append(
                f"{one['seconds']:.2f} to {many['seconds']:.2f} s, **{many['improvement']:.0%}** less "
                f"({many['least_seconds']:.2f} to {many['most_seconds']:.2f} s)"
            )
            cells.append(f"{many['compute_ms_a_round']:.0f}")
        rows.append(cells)
    names = [
        each
        for algorithm in intra_function.ALGORITHMS
        for each in (f"{algorithm} (least to most)", "ms of compute in its median round")
    ]
    return table(["functions x vCPUs", "at most", *names], rows)


def iterations() -> str:
    """Milliseconds per iteration by layout and distance."""
    cases = summarised(read("few_or_many"), few_or_many.CASE)
    rows = [
        [few_or_many.NAMES[protocol], f"{rtt_ms:g} ms"]
        + [ranged(cases, protocol, layout, rtt_ms) for layout in LAYOUTS]
        for protocol in few_or_many.NAMES
        for rtt_ms in few_or_many.RTTS_MS
    ]
    return table(["", "round trip", *map(named, LAYOUTS)], rows)


def ranged(cases: Iterable[Case], protocol: str, layout: tuple[int, int], rtt_ms: float) -> str:
    """Return a median, and half of what lies between least and most."""
    found = one_of(cases, protocol, layout, rtt_ms)
    if found is None:
        return ""
    half = (found["most_ms_an_iteration"] - found["least_ms_an_iteration"]) / 2
    spread = f" ± {half:.0f}" if found["repeats"] > 1 else ""
    return f"{found['ms_an_iteration']:,.0f}{spread}"


def far() -> str:
    """What 25 ms add to the synchronisation of burly's iterations, and the prediction."""
    cases = summarised(read("few_or_many"), few_or_many.CASE)
    near_ms, far_ms = few_or_many.RTTS_MS[0], few_or_many.FAR_MS
    rows = []
    for layout in LAYOUTS:
        near, apart = (one_of(cases, "burly", layout, rtt_ms) for rtt_ms in (near_ms, far_ms))
        loops = [case["seconds"] - case["last_compute_s"] for case in (near, apart)]
        n = few_or_many.N_ITERATIONS
        rows.append(
            [
                named(layout),
                f"{apart['trips']:.0f}",
                f"{(loops[1] - loops[0]) / n * 1e3:.0f}",
                f"{apart['trips'] * (far_ms - near_ms) / n:.0f}",
                f"{near['predicted_s'] / near['seconds'] - 1:+.0%}",
                f"{apart['predicted_s'] / apart['seconds'] - 1:+.0%}",
            ]
        )
    names = [
        "functions x vCPUs",
        f"trips in {one_of(cases, 'burly', LAYOUTS[0], far_ms)['n_rounds']:.0f} rounds",
        f"ms added per iteration by {far_ms:g} ms",
        "predicted",
        f"predicted time, {near_ms:g} ms",
        f"{far_ms:g} ms",
    ]
    return table(names, rows)


def paper() -> str:
    """Where the time of the paper's protocol goes, and what it sends."""
    cases = summarised(read("few_or_many"), few_or_many.CASE)
    phases = ("compute", "locks", "contribute", "wait", "update", "receive")
    rows = []
    for rtt_ms in (few_or_many.NEAR_MS, few_or_many.FAR_MS):
        for layout in LAYOUTS:
            case = one_of(cases, "paper", layout, rtt_ms)
            spent = [case[f"{phase}_s"] / case["n_rounds"] * 1e3 for phase in phases]
            rows.append(
                [
                    f"{rtt_ms:g} ms",
                    named(layout),
                    *(f"{each:,.0f}" for each in spent),
                    f"{case['commands_a_round']:.0f}",
                    f"{case['trips'] / case['n_rounds']:.0f}",
                    f"{case['predicted_s'] / case['seconds']:.0%}",
                ]
            )
    names = ["commands", "trips", "compute and trips explain"]
    return table(["round trip", "functions x vCPUs", *phases, *names], rows)


def shares() -> str:
    """The share of synchronisation in the rounds."""
    cases = summarised(read("breakdown"), few_or_many.CASE)
    rows = [
        [few_or_many.NAMES[protocol], f"{rtt_ms:g} ms"]
        + [
            f"{one_of(cases, protocol, layout, rtt_ms)['synchronisation']:.0%}"
            for layout in LAYOUTS
        ]
        for protocol in few_or_many.NAMES
        for rtt_ms in (few_or_many.NEAR_MS, few_or_many.FAR_MS)
    ]
    return table(["", "round trip", *map(named, LAYOUTS)], rows)


def meetings() -> str:
    """Milliseconds per round by workers and payload, and commands."""
    cases = {
        (case["protocol"], case["payload_bytes"], case["n_workers"]): case
        for case in summarised(read("synchronisation"), synchronisation.CASE)
    }
    rows = []
    for protocol, payloads, name in (
        ("burly", synchronisation.PAYLOADS, "burly"),
        ("paper", synchronisation.PAPER_PAYLOADS, PAPER),
    ):
        for payload in payloads:
            found = [cases.get((protocol, payload, n)) for n in synchronisation.WORKERS]
            times = [milliseconds(case["ms_a_round"]) if case else "" for case in found]
            rows.append([name, synchronisation.size(payload), *times])
        found = [cases[protocol, payloads[0], n] for n in synchronisation.WORKERS]
        commands = [f"{case['commands_a_worker']:.0f}" for case in found]
        rows.append([f"commands per worker, {name}", "", *commands])
    workers = [str(n) for n in synchronisation.WORKERS]
    return table(["", "each contributes", f"{workers[0]} worker", *workers[1:]], rows)


def milliseconds(ms: float) -> str:
    """Return two or three digits."""
    return f"{ms:.2f}" if ms < 4 else f"{ms:.1f}" if ms < 10 else f"{ms:,.0f}"


def models() -> str:
    """Seconds of the whole process by library."""
    cases = {
        (case["algorithm"], case["library"]): case
        for case in summarised(read("end_to_end"), end_to_end.CASE)
    }
    rows = []
    for library in dict.fromkeys(library for _, library in cases):
        found = [cases.get((algorithm, library)) for algorithm in end_to_end.NAMES]
        rows.append(
            [library]
            + [
                f"{case['seconds']:.2f} ({case['least_seconds']:.2f} to {case['most_seconds']:.2f})"
                if case
                else ""
                for case in found
            ]
            + [f"{case['most_excess']:.2%}" if case else "" for case in found]
        )
    names = end_to_end.NAMES.values()
    return table(["", *names, *(f"{name}: from the best" for name in names)], rows)


def one_of(
    cases: Iterable[Case], protocol: str, layout: tuple[int, int], rtt_ms: float
) -> Case | None:
    """Return the case of a protocol, layout and distance."""
    wanted = (protocol, *layout, rtt_ms)
    names = ("protocol", "n_workers", "vcpus", "rtt_ms")
    return next((case for case in cases if tuple(case[name] for name in names) == wanted), None)


def named(layout: tuple[int, int]) -> str:
    """Return a layout for people."""
    return f"{layout[0]} x {layout[1]}"


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [list(names), ["---"] * len(names), *map(list, rows)]
    return "".join(
        "|" + "".join(f" {cell} |" if cell else " |" for cell in line) + "\n" for line in lines
    )


TABLES = {
    "checks": checked,
    "intra_function": improvements,
    "few_or_many": iterations,
    "far": far,
    "paper": paper,
    "breakdown": shares,
    "synchronisation": meetings,
    "end_to_end": models,
}


if __name__ == "__main__":
    main()
