"""The command line, as a shell sees it."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import sysconfig
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet
from sklearn.datasets import load_breast_cancer

from burly import KMeans, LogisticRegression
from burly.report.run import Run

BURLY = str(Path(sysconfig.get_path("scripts")) / "burly")


def burly(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BURLY, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
        env={**os.environ, "COLUMNS": "100", **environment},
    )


@pytest.fixture
def points(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(at, 0.1, (500, 2)) for at in (0.0, 5.0, 9.0)])
    file = tmp_path / "points.csv"
    np.savetxt(file, rows, "%.6f", ",", header="x,y", comments="")
    return file


def test_it_tells_its_version() -> None:
    done = burly("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "burly")


@pytest.mark.parametrize(
    "arguments", [("--help",), ("fit", "kmeans", "--help"), ("predict", "--help"), ("demo", "-h")]
)
def test_help_shows_how_to_use_it(arguments: tuple[str, ...]) -> None:
    done = burly(*arguments)
    assert done.returncode == 0
    assert "Usage: burly" in done.stdout


def test_help_has_examples() -> None:
    assert "burly fit kmeans points.csv --k 8" in burly("--help").stdout


def test_wrong_usage_ends_with_2() -> None:
    assert burly("fit", "kmeans").returncode == 2
    assert burly("fit", "kmeans", "x.csv", "--k", "none").returncode == 2
    assert burly("fly").returncode == 2


def test_a_fit_writes_a_model_and_shows_a_table(points: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.npz"
    done = burly("fit", "kmeans", str(points), "--k", "3", "--seed", "1", "--out", str(model))
    assert done.returncode == 0, done.stderr
    assert "compute" in done.stdout
    assert "total" in done.stdout
    assert "seed 1" in done.stdout
    centres = sorted(KMeans.load(model).cluster_centers_[:, 0])
    assert np.allclose(centres, [0, 5, 9], atol=0.1)


def test_quiet_says_nothing_on_standard_error(points: Path) -> None:
    assert burly("fit", "kmeans", str(points), "--k", "3", "--quiet").stderr == ""


def test_predict_on_functions_writes_labels(points: Path, tmp_path: Path) -> None:
    model, labels = tmp_path / "model.npz", tmp_path / "labels"
    fitted = burly("fit", "kmeans", str(points), "--k", "3", "--seed", "1", "--out", str(model))
    assert fitted.returncode == 0, fitted.stderr
    done = burly("predict", str(model), str(points), "--out", str(labels), "--workers", "2")
    assert done.returncode == 0, done.stderr
    found = np.concatenate(
        [parquet.read_table(file)["labels"].to_numpy() for file in sorted(labels.glob("*"))]
    )
    rows = pd.read_csv(points, dtype=np.float32)
    np.testing.assert_array_equal(found, KMeans.load(model).predict(rows))


def test_classes_are_learnt_and_predicted_on_functions(tmp_path: Path) -> None:
    frame, truth = load_breast_cancer(return_X_y=True, as_frame=True)
    frame["ill"] = np.array(["yes", "no"])[truth]
    file, place = tmp_path / "patients.parquet", str(tmp_path / "predicted")
    frame.to_parquet(file)
    model = str(tmp_path / "model.npz")
    arguments = ("--dtype", "float64", "--workers", "2", "--quiet")
    labelled = (str(file), "--label", "ill", *arguments)
    fitted = burly("fit", "logistic", *labelled, "--C", "0.5", "--out", model)
    assert fitted.returncode == 0, fitted.stderr
    assert "2 classes (no, yes), 30 coefficients" in fitted.stdout
    assert "solver newton" in fitted.stdout
    done = burly("predict", model, str(file), *arguments, "--out", place)
    assert done.returncode == 0, done.stderr
    found = parquet.read_table(place).to_pandas()
    here = LogisticRegression(C=0.5).fit(frame.drop(columns="ill"), frame["ill"])
    assert found["labels"].tolist() == here.predict(frame.drop(columns="ill")).tolist()
    likely = here.predict_proba(frame.drop(columns="ill"))
    np.testing.assert_array_equal(found[["probability_no", "probability_yes"]], likely)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_model_finds_its_columns_with_a_label_beside_them_and_without(
    tmp_path: Path, kind: str
) -> None:
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["x", "y"])
    labelled = rows.assign(ill=np.where(rows.x > 0, "yes", "no"), more=1.0)
    labelled.to_csv(tmp_path / "labelled.csv", index=False)
    model = str(tmp_path / "model.npz")
    options = ("--label", "ill", "--columns", "x,y", "--out", model, "--quiet")
    fitted = burly("fit", "logistic", str(tmp_path / "labelled.csv"), *options)
    assert fitted.returncode == 0, fitted.stderr
    found = []
    for name, frame in (("with", labelled), ("without", rows[["y", "x"]])):
        file = tmp_path / f"{name}.{kind}"
        frame.to_csv(file, index=False) if kind == "csv" else frame.to_parquet(file)
        done = burly("predict", model, str(file), "--out", str(tmp_path / name), "--quiet")
        assert done.returncode == 0, done.stderr
        found.append(parquet.read_table(tmp_path / name)["labels"].to_pylist())
    assert found[0] == found[1]
    assert set(found[0]) == {"yes", "no"}


def test_every_option_of_a_bundle_is_an_option_of_its_commands() -> None:
    for command in (("fit", "kmeans"), ("fit", "logistic"), ("predict",)):
        told = burly(*command, "--help").stdout
        for option in ("--workers", "--start-timeout", "--columns", "--label", "--delimiter"):
            assert option in told
        assert ("--zero-based" in told) == (command != ("fit", "kmeans"))


def test_classes_need_a_label(points: Path) -> None:
    done = burly("fit", "logistic", str(points))
    assert done.returncode == 1
    assert done.stderr.endswith("the data names none; name their column with --label\n")


def test_a_run_is_kept_and_shown(points: Path, tmp_path: Path) -> None:
    kept, trace = tmp_path / "run.json", tmp_path / "trace.json"
    done = burly("fit", "kmeans", str(points), "--k", "3", "--run", str(kept))
    assert done.returncode == 0, done.stderr
    done = burly("report", str(kept), "--trace", str(trace))
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "run.html") in done.stdout
    assert "KMeans.fit on 1.50" in (tmp_path / "run.html").read_text()
    assert json.loads(trace.read_text())["traceEvents"]


def test_a_run_that_failed_is_kept_too(tmp_path: Path) -> None:
    rows, kept = tmp_path / "rows.csv", tmp_path / "run.json"
    rows.write_text("x,y\n1,2\n3,nan\n5,6\n")
    done = burly("fit", "kmeans", str(rows), "--k", "2", "--run", str(kept))
    assert done.returncode == 1
    assert "NonFiniteError" in Run.load(kept).error


def test_what_is_no_run_is_refused(points: Path, tmp_path: Path) -> None:
    done = burly("report", str(points))
    assert done.returncode == 1
    assert "is not a run file of burly" in done.stderr
    assert "no run file" in burly("report", str(tmp_path / "none.json")).stderr
    assert not (tmp_path / "points.html").exists()


def test_columns_and_weights_are_named(tmp_path: Path) -> None:
    file = tmp_path / "w.parquet"
    table = {"x": [0.0, 0.0, 9.0], "w": [1.0, 1.0, 2.0], "skip": ["a", "b", "c"]}
    parquet.write_table(pa.table(table), file)
    done = burly("fit", "kmeans", str(file), "--k", "2", "--columns", "x", "--weight", "w")
    assert done.returncode == 0, done.stderr
    assert "inertia 0" in done.stdout


def test_an_error_is_one_clear_line_and_1(tmp_path: Path) -> None:
    done = burly("fit", "kmeans", str(tmp_path / "none.csv"), "--quiet")
    assert done.returncode == 1
    assert done.stderr.startswith("burly: error: ")
    assert done.stderr.count("\n") == 1
    assert "none.csv" in done.stderr


def test_names_are_told_as_they_are(points: Path, tmp_path: Path) -> None:
    model = tmp_path / f"{'long' * 30} [bold]:smile:.npz"
    done = burly("fit", "kmeans", str(points), "--quiet", "--out", str(model), COLUMNS="40")
    assert done.stdout.endswith(f"\nmodel written to {model}\n")
    assert model.exists()
    name = str(tmp_path / f"{'none ' * 30}[bold]:smile:.csv")
    done = burly("fit", "kmeans", name, "--quiet", COLUMNS="40")
    assert name in done.stderr


def test_a_terminal_breaks_no_words() -> None:
    """In a terminal of 40 columns, on whose other side this test reads."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    plain = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES"}}
    command = [BURLY, "fit", "kmeans", "none.csv", "--backend", "aws_lambda"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=plain
    ) as process:
        os.close(theirs)
        said = read_all(ours)
    assert process.returncode == 1
    lines = said.splitlines()
    assert len(lines) > 1
    assert all(len(line) <= 40 for line in lines)
    assert "with --state rediss://HOST:6379" in " ".join(lines)


def read_all(terminal: int) -> str:
    """Return what is said on a terminal until nobody holds its other side."""
    said = b""
    with open(terminal, "rb", buffering=0) as stream, suppress(OSError):
        while found := stream.read(4096):
            said += found
    return said.decode()


@pytest.mark.parametrize(
    ("name", "text", "options", "said"),
    [
        ("a.csv", "x;y\n1;2\n3;4\n", (), "--delimiter ';'"),
        ("a.tsv", "x\ty\n1\t2\n3\t4\n", (), r"--delimiter '\t'"),
        ("a.csv", "x,2\n1,2\n", (), "--header or --no-header"),
        ("a.data", "1,2\n", (), "--format csv"),
        ("a.csv", "x\n1\n2\n", ("--backend", "aws_lamda"), "did you mean 'aws_lambda'?"),
        ("a.csv", "x\n1\n2\n", ("--backend", "aws_lambda"), "--state rediss://HOST:6379"),
    ],
)
def test_a_remedy_names_the_option(
    tmp_path: Path, name: str, text: str, options: tuple[str, ...], said: str
) -> None:
    file = tmp_path / name
    file.write_text(text)
    done = burly("fit", "kmeans", str(file), "--k", "2", "--quiet", *options)
    assert done.returncode == 1
    assert said in done.stderr


def test_tabs_are_told_by_two_characters(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_text("x\ty\n1\t2\n3\t4\n")
    done = burly("fit", "kmeans", str(file), "--k", "2", "--quiet", "--delimiter", r"\t")
    assert done.returncode == 0, done.stderr


def test_columns_of_svmlight_are_named_by_options(tmp_path: Path) -> None:
    (tmp_path / "x.svm").write_text("0 0:1\n1 1:1 3:2\n" * 20)
    file, model = str(tmp_path / "x.svm"), str(tmp_path / "model.npz")
    options = ("--out", model, "--n-features", "5", "--zero-based", "--quiet")
    assert burly("fit", "logistic", file, *options).returncode == 0
    assert LogisticRegression.load(model).coef_.shape == (1, 5)
    for wrong, told in (
        (("--n-features", "3"), "raise --n-features or leave it away"),
        (("--no-zero-based",), "leave --no-zero-based away"),
    ):
        done = burly("fit", "logistic", file, *wrong, "--quiet")
        assert (done.returncode, told in done.stderr) == (1, True), done.stderr


def test_memory_of_a_function_is_an_option(points: Path) -> None:
    done = burly("fit", "kmeans", str(points), "--memory-mb", "900")
    assert (done.returncode, "add --workers or --backend" in done.stderr) == (1, True)
    options = ("--backend", "aws_lambda", "--state", "redis://nowhere:1", "--vcpus", "9")
    done = burly("fit", "kmeans", str(points), "--memory-mb", "900", *options)
    assert (done.returncode, "memory_mb=900" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("fit", "kmeans", ""), 1, "names no file"),
        (("fit", "kmeans", "line\nend.csv"), 1, "which object stores would not take as a name"),
        (("fit", "kmeans", "points.csv", "--seed", "-3"), 2, "--seed"),
        (("demo", "--out", "points.csv"), 1, "cannot be a folder for the picture"),
        (("demo", "--picture", "points.csv"), 1, "points.csv is not a picture"),
    ],
)
def test_what_cannot_work_ends_before_any_work(
    points: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, told: str
) -> None:
    monkeypatch.chdir(points.parent)
    done = burly(*arguments)
    assert (done.returncode, told in " ".join(done.stderr.split())) == (code, True), done.stderr
    assert "rows/s" not in done.stdout


def test_a_learning_rate_is_for_descent_alone(points: Path) -> None:
    arguments = ("fit", "logistic", str(points), "--label", "y", "--learning-rate", "0.1")
    done = burly(*arguments)
    assert done.returncode == 2
    assert "--solver gd" in done.stderr


def test_a_fit_that_stops_early_says_so(tmp_path: Path) -> None:
    frame, truth = load_breast_cancer(return_X_y=True, as_frame=True)
    frame["ill"] = truth
    file = tmp_path / "patients.parquet"
    frame.to_parquet(file)
    done = burly("fit", "logistic", str(file), "--label", "ill", "--max-iter", "1", "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("burly: warning: ")
    assert "raise --max-iter" in done.stderr
    assert done.stderr.count("\n") == 1
    done = burly("fit", "kmeans", str(file), "--k", "9", "--max-iter", "1", "--quiet")
    assert "after 1 iteration (all that --max-iter allows)" in done.stdout


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = burly("fit", "kmeans", str(tmp_path / "none.csv"), "--quiet", "--debug")
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert "DataNotFoundError" in done.stderr


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("/nowhere/model.npz", "there is no folder /nowhere"),
        ("s3://bucket/model.npz", "is no local file"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_the_fit(
    points: Path, place: str, says: str
) -> None:
    done = burly("fit", "kmeans", str(points), "--out", place)
    assert done.returncode == 1
    assert says in done.stderr
    assert "launching" not in done.stderr


def test_a_cloud_backend_without_a_store_is_refused(points: Path) -> None:
    done = burly("fit", "kmeans", str(points), "--backend", "aws_lambda")
    assert done.returncode == 1
    assert "need a state store" in done.stderr


def mentions(text: str) -> list[str]:
    """Return the command lines of all processes that name something."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes()
        except OSError:
            continue
        if text.encode() in command:
            found.append(command.decode(errors="replace"))
    return found


# A shell starts what runs in its background with SIGINT ignored, and children inherit that.
FROM_A_TERMINAL = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@contextmanager
def endless_fit(folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Give a fit on functions, all of whose files are in a folder, when it is among its rounds."""
    place = folder / "t"
    place.mkdir()
    data = folder / "noise.npy"
    np.save(data, np.random.default_rng(0).random((400_000, 16), np.float32))
    options = ["--init", "random", "--k", "400", "--max-iter", "100000", "--tol", "0"]
    with subprocess.Popen(
        [
            *(sys.executable, "-c", FROM_A_TERMINAL),
            *(BURLY, "fit", "kmeans", str(data), "--workers", "2", *options),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(place)},
    ) as process:
        guard = threading.Timer(60, process.kill)
        guard.start()
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "lloyd, round" in line:
                break
        assert mentions(str(place))
        yield process, said
        guard.cancel()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cleans_up_and_leaves_no_worker(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with endless_fit(tmp_path) as (process, said):
        process.send_signal(number)
        assert process.stderr is not None
        said.extend(process.stderr.readlines())
        process.wait()
    assert process.returncode == code, "".join(said)
    assert said[-1] == "burly: cancelled: no worker is left, and nothing in the state store\n"
    assert mentions(str(tmp_path / "t")) == []
    assert list((tmp_path / "t").iterdir()) == []


def test_a_state_store_that_dies_ends_a_run_with_one_clear_line(tmp_path: Path) -> None:
    with endless_fit(tmp_path) as (process, _):
        os.kill(server_in(tmp_path / "t"), signal.SIGKILL)
        assert process.stderr is not None
        said = process.stderr.readlines()
        process.wait()
    assert process.returncode == 1, "".join(said)
    assert said[-1].startswith("burly: error: the state store at /")
    assert "Traceback" not in "".join(said)
    assert mentions(str(tmp_path / "t")) == []
    assert list((tmp_path / "t").iterdir()) == []


def server_in(folder: Path) -> int:
    """Return the number of the process that is the state store of a fit."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if f"valkey-server unixsocket:{folder}/".encode() in entry.read_bytes():
                return int(entry.parent.name)
    raise AssertionError("no server runs")


def test_workers_and_files_go_with_a_client_that_is_killed(tmp_path: Path) -> None:
    place = tmp_path / "t"
    with endless_fit(tmp_path) as (process, _):
        process.kill()
        process.wait()
    deadline = time.monotonic() + 60
    while mentions(str(place)) or list(place.iterdir()):
        assert time.monotonic() < deadline, (mentions(str(place)), list(place.iterdir()))
        time.sleep(0.05)


def test_the_doctor_finds_everything_well() -> None:
    done = burly("doctor", "--backend", "localhost")
    assert done.returncode == 0, done.stdout
    for word in ("cores", "kernels", "round trip", "noeviction", "backend localhost"):
        assert word in done.stdout


def test_the_doctor_says_what_is_wrong() -> None:
    done = burly("doctor", "--backend", "localhost", "--state", "redis://127.0.0.1:1")
    assert done.returncode == 1
    assert "!!" in done.stdout
    assert "127.0.0.1:1" in done.stdout


def test_the_demo_draws_a_picture(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    source = tmp_path / "small.png"
    Image.fromarray(rng.integers(0, 256, (120, 160, 3), np.uint8)).save(source)
    done = burly("demo", "--picture", str(source), "--colours", "8", "--out", str(tmp_path / "o"))
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "o" / "small-8-colours.png") as drawn:
        pixels = np.asarray(drawn)
    assert pixels.shape == (120, 160 + 8 + 160, 3)
    assert len(np.unique(pixels[:, -160:].reshape(-1, 3), axis=0)) == 8
    assert "the same to the last bit" in " ".join(done.stdout.split())


@pytest.mark.parametrize("way", ["same", "glob", "folder", "link", "file://"])
def test_a_command_does_not_write_over_what_it_reads(points: Path, way: str) -> None:
    link = points.with_name("link.json")
    link.symlink_to(points)
    data = {
        "glob": str(points.parent / "*.csv"),
        "folder": str(points.parent),
        "file://": points.as_uri(),
    }.get(way, str(points))
    before = points.read_bytes()
    target = link if way == "link" else points
    for option in ("--run", "--out"):
        done = burly("fit", "kmeans", data, "--k", "3", option, str(target))
        assert done.returncode == 1
        assert "name another file" in done.stderr
    assert points.read_bytes() == before


def test_a_report_is_written_over_nothing_that_is_read(points: Path, tmp_path: Path) -> None:
    run = tmp_path / "run.json"
    assert burly("fit", "kmeans", str(points), "--k", "3", "-q", "--run", str(run)).returncode == 0
    before = run.read_bytes()
    page, device = str(tmp_path / "page.html"), Path(os.devnull)
    for arguments, why in {
        ("--out", str(run)): "name another file",
        ("--trace", str(run)): "name another file",
        ("--out", page, "--trace", page): "written twice",
        ("--out", str(device)): "a device",
    }.items():
        done = burly("report", str(run), *arguments)
        assert done.returncode == 1
        assert why in done.stderr
    assert run.read_bytes() == before
    assert device.is_char_device()
