"""Functions of Lithops on this machine, for real."""

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.conftest import S3Server
from tests.launchers import counting
from tests.launchers.counting import Counting

from burly.data.arrays import from_arrays
from burly.data.dataset import Dataset
from burly.events import Ended, Event, Launched, Noted, RoundDone, StateMade, WorkerFinished
from burly.exceptions import (
    BurlyError,
    ConfigurationError,
    NonFiniteError,
    RunAbortedError,
    StartTimeoutError,
    WorkerDiedError,
)
from burly.launchers import configuration, ending
from burly.launchers import lithops as module
from burly.launchers.base import Job, Result
from burly.launchers.client_folder import client_folder
from burly.launchers.lithops import Lithops
from burly.launchers.lithops_import import import_lithops
from burly.launchers.run_storage import Belongings
from burly.report.run import Run
from burly.state.address import RunAddress
from burly.state.embedded import EmbeddedServer

N_ROWS = 50_000


@pytest.fixture(autouse=True, scope="module")
def _travelling() -> Iterator[None]:
    """Workers cannot import the tests: what they need of them travels by value."""
    cloudpickle.register_pickle_by_value(counting)
    yield
    cloudpickle.unregister_pickle_by_value(counting)


@pytest.fixture
def points(tmp_path: Path) -> Dataset:
    np.save(tmp_path / "points.npy", np.ones((N_ROWS, 3), np.float32))
    return Dataset(tmp_path / "points.npy")


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        yield server


def run(
    dataset: Dataset, algorithm: Counting | None = None, **parameters: object
) -> tuple[Result, Run]:
    launcher = Lithops(**{"backend": "localhost", **parameters})  # type: ignore[arg-type]
    algorithm = algorithm or Counting()
    data = dataset.resolve()
    seen = Run()
    job = Job(algorithm, data, algorithm.start(data.info))
    return launcher.run(job, seen.record), seen


def ignore(event: Event) -> None:
    """Observe nothing."""


def keys(server: EmbeddedServer) -> set[str]:
    import valkey  # noqa: PLC0415  the tests of launchers alone look behind the store

    with valkey.Valkey.from_url(server.url) as client:
        return {key.decode().rpartition(":")[2] for key in client.scan_iter()}


def times_to_live_s(server: EmbeddedServer) -> list[int]:
    import valkey  # noqa: PLC0415

    with valkey.Valkey.from_url(server.url) as client:
        return [client.ttl(key) for key in client.scan_iter()]


def children() -> set[int]:
    """Return the processes that this one started, and theirs, that still live."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(entry.parent.name)] = int(fields[1])
    mine = {os.getpid()}
    while found := {child for child, parent in parents.items() if parent in mine} - mine:
        mine |= found
    return mine - {os.getpid()}


def workers() -> set[int]:
    """Return the processes of the localhost runner among our children."""
    found = set()
    for pid in children():
        try:
            if b"localhost-runner" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(pid)
        except OSError:
            continue
    return found


def test_a_run_on_two_functions_ends_with_the_last_state(points: Dataset) -> None:
    result, seen = run(points, n_workers=2)
    assert result.state["rows"].tolist() == [N_ROWS, 2]
    assert [event.n_workers for event in seen.events if isinstance(event, Launched)] == [2]


def test_every_event_of_every_worker_arrives_once(points: Dataset) -> None:
    _, seen = run(points, Counting(n_rounds=40), n_workers=2)
    rounds = [(e.rank, e.round) for e in seen.events if isinstance(e, RoundDone)]
    assert sorted(rounds) == [(rank, r) for rank in range(2) for r in range(1, 41)]
    states = [e.round for e in seen.events if isinstance(e, StateMade)]
    assert sorted(states) == list(range(2, 42))
    assert sum(isinstance(e, WorkerFinished) for e in seen.events) == 2


def test_nothing_is_left_in_the_store_after_a_success(
    points: Dataset, server: EmbeddedServer
) -> None:
    run(points, state=server.url)
    assert keys(server) == set()


def test_no_worker_is_left_after_a_success(points: Dataset) -> None:
    run(points)
    assert not workers()


def test_outputs_of_an_array_come_back_in_its_order() -> None:
    data = from_arrays(np.ones((N_ROWS, 3)))
    algorithm = Counting()
    result = Lithops(backend="localhost").run(
        Job(algorithm, data, algorithm.start(data.info)), ignore
    )
    expected = np.concatenate([np.full(s.end - s.begin, s.ordinal) for s in data.shards])
    np.testing.assert_array_equal(result.outputs["shard"], expected)


def test_nothing_of_an_array_is_left_in_the_storage() -> None:
    data = from_arrays(np.ones((N_ROWS, 3)))
    algorithm = Counting()
    Lithops(backend="localhost").run(Job(algorithm, data, algorithm.start(data.info)), ignore)
    folder = Path(import_lithops().module("lithops.constants").LITHOPS_TEMP_DIR)
    left = [path.name for path in folder.glob("storage/**/*") if path.is_file()]
    assert not [name for name in left if "rows-" in name or name.endswith(".npz")]


def test_nothing_of_a_local_runtime_is_left_in_the_home(points: Dataset) -> None:
    run(points)
    noted = Path(import_lithops().module("lithops.constants").CACHE_DIR)
    assert not [*noted.glob(f"**/{client_folder().folder.name}/**")]


def test_outputs_of_files_are_written_where_out_says(points: Dataset, tmp_path: Path) -> None:
    data = points.resolve()
    algorithm = Counting()
    out = tmp_path / "out"
    result = Lithops(backend="localhost").run(
        Job(algorithm, data, algorithm.start(data.info), out=str(out)), ignore
    )
    assert result.outputs == {}
    files = sorted(out.glob("*.parquet"))
    assert sum(parquet.read_metadata(file).num_rows for file in files) == N_ROWS


def test_a_surplus_of_workers_is_not_launched_and_said(tmp_path: Path) -> None:
    np.save(tmp_path / "few.npy", np.ones((10, 3), np.float32))
    result, seen = run(Dataset(tmp_path / "few.npy"), n_workers=2)
    assert result.state["rows"].tolist()[0] == 10
    assert "it goes to 1 worker, not 2" in seen.notes[0]


def test_an_error_of_a_worker_is_the_clients(points: Dataset) -> None:
    with pytest.raises(NonFiniteError, match="column 'x' has 3 values"):
        run(points, Counting(misfortune="error"))
    assert not workers()


def test_a_foreign_error_of_a_worker_ends_the_run(points: Dataset) -> None:
    with pytest.raises(RunAbortedError, match="ZeroDivisionError: one over nothing"):
        run(points, Counting(misfortune="foreign"))


@pytest.mark.timeout(30)  # long before what the store holds expires, or a start times out
def test_a_killed_function_ends_the_run_with_its_rank_and_what_is_left_expires(
    points: Dataset, server: EmbeddedServer
) -> None:
    hook = sys.excepthook
    with pytest.raises(
        WorkerDiedError, match=r"^the function of rank 0 of 2 ended .* SIGKILL"
    ) as caught:
        run(points, Counting(misfortune="killed"), state=server.url)
    assert "\n" not in str(caught.value)
    assert not workers()
    assert sys.excepthook is hook
    assert keys(server) == {"run", "states"}
    assert all(0 < left_s <= 3600 for left_s in times_to_live_s(server))


def test_a_runtime_without_burly_is_told_as_one(
    points: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'burly':\n"
        "            raise ModuleNotFoundError(\"No module named 'burly'\", name='burly')\n"
        "sys.meta_path.insert(0, Without())\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(WorkerDiedError, match=r"its runtime lacks burly .*docs/aws\.md") as told:
        run(points)
    assert "\n" not in str(told.value)


def test_functions_that_do_not_start_are_counted(
    points: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fewer processes than ranks: the second function waits for the first, which waits for it.
    complete = configuration.complete

    def too_few(*args: Any, **kwargs: Any) -> dict[str, Any]:
        config = complete(*args, **kwargs)
        config["localhost"]["worker_processes"] = 1
        return config

    monkeypatch.setattr(module, "complete", too_few)
    with pytest.raises(StartTimeoutError, match=r"1 of 2 functions started within 1\.5 s"):
        run(points, n_workers=2, start_timeout=1.5)
    assert not workers()


def test_ctrl_c_leaves_no_worker_and_no_key(points: Dataset, server: EmbeddedServer) -> None:
    data = points.resolve()
    algorithm = Counting(n_rounds=1_000_000)

    def interrupt(event: object) -> None:
        if isinstance(event, RoundDone):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as cancelled:
        Lithops(backend="localhost", state=server.url).run(
            Job(algorithm, data, algorithm.start(data.info)), interrupt
        )
    assert not workers()
    assert keys(server) == set()
    assert cancelled.value.__notes__ == ["no worker is left, and nothing in the state store"]


def test_a_run_can_be_cancelled_whose_store_is_gone(
    points: Dataset, server: EmbeddedServer
) -> None:
    data = points.resolve()
    algorithm = Counting(n_rounds=1_000_000)

    def interrupt(event: object) -> None:
        if isinstance(event, RoundDone):
            server.stop()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Lithops(backend="localhost", state=server.url).run(
            Job(algorithm, data, algorithm.start(data.info)), interrupt
        )
    assert not workers()


def test_a_worker_that_is_stuck_when_cancelled_is_killed(
    points: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "GRACE_S", 0.1)
    data = points.resolve()
    algorithm = Counting(misfortune="stuck")
    seen = Run()

    def interrupt(event: object) -> None:
        seen.record(event)  # type: ignore[arg-type]
        if isinstance(event, StateMade):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Lithops(backend="localhost").run(
            Job(algorithm, data, algorithm.start(data.info)), interrupt
        )
    assert not workers()
    assert [e.error for e in seen.events if isinstance(e, Ended)] == [
        "RunAbortedError: the run was cancelled"
    ]


CLIENT = """
import sys, os, json, tempfile
import numpy as np
from burly import KMeans, Lithops
environment = dict(os.environ)
X = np.random.default_rng(int(sys.argv[1])).normal(size=(20000, 4))
model = KMeans(3, random_state=0, launcher=Lithops(n_workers=2, backend="localhost")).fit(X)
same = KMeans(3, random_state=0).fit(X)
print(json.dumps({
    "same": bool((model.cluster_centers_ == same.cluster_centers_).all()),
    "labels": bool((model.labels_ == same.labels_).all()),
    "environment": environment == dict(os.environ),
    "temporary": tempfile.gettempdir(),
}))
"""


def client(seed: int, tmp_path: Path, code: str = CLIENT) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(seed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )


def test_clients_in_parallel_do_not_disturb_each_other(tmp_path: Path) -> None:
    clients = [client(seed, tmp_path) for seed in range(3)]
    said = [process.communicate(timeout=60) for process in clients]
    for out, err in said:
        assert err == ""
        assert json.loads(out) == {
            "same": True,
            "labels": True,
            "environment": True,
            "temporary": str(tmp_path),
        }
    assert list(tmp_path.iterdir()) == []


IMPORTING = """
import os, sys, tempfile
class Looking:
    seen = set()
    def find_spec(self, name, path=None, target=None):
        if name.startswith("lithops"):
            self.seen.add((tempfile.gettempdir(), os.environ["TMPDIR"]))
sys.meta_path.insert(0, Looking())
from burly.launchers.lithops_import import import_lithops
print(import_lithops().module("lithops.constants").LITHOPS_TEMP_DIR)
print(*Looking.seen)
"""


def test_temporary_files_of_others_stay_where_they_go_while_lithops_is_imported(
    tmp_path: Path,
) -> None:
    process = client(0, tmp_path, IMPORTING)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    ours, seen = out.splitlines()
    assert ours.startswith(f"{tmp_path}/burly-")
    assert seen == str((str(tmp_path), str(tmp_path)))


THREADS = """
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from burly import KMeans, Lithops
X = np.random.default_rng(0).normal(size=(20000, 4))
def fit(_):
    return KMeans(3, random_state=0, launcher=Lithops(n_workers=1, backend="localhost")).fit(X).inertia_
with ThreadPoolExecutor(3) as threads:
    print(len(set(threads.map(fit, range(3)))))
"""


def test_threads_may_be_the_first_to_launch_together(tmp_path: Path) -> None:
    process = client(0, tmp_path, THREADS)
    assert process.communicate(timeout=60) == ("1\n", "")
    assert list(tmp_path.iterdir()) == []


def test_a_client_whose_user_imported_lithops_shares_its_folder(tmp_path: Path) -> None:
    process = client(0, tmp_path, "import lithops\n" + CLIENT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Lithops was imported before" in err
    assert json.loads(out)["same"]


def test_a_run_prints_nothing(points: Dataset, capfd: pytest.CaptureFixture[str]) -> None:
    run(points)
    assert capfd.readouterr() == ("", "")


def test_an_array_travels_through_s3(
    s3_environment: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_environment.endpoint)
    bucket = s3_environment.new_bucket()
    store = s3_environment.store(bucket)
    settings = s3_environment.settings()
    config = {
        "lithops": {"backend": "localhost", "storage": "aws_s3"},
        "aws_s3": {
            "storage_bucket": bucket,
            "region": settings["AWS_REGION"],
            "access_key_id": settings["AWS_ACCESS_KEY_ID"],
            "secret_access_key": settings["AWS_SECRET_ACCESS_KEY"],
        },
    }
    data = from_arrays(np.ones((N_ROWS, 3)))
    algorithm = Counting()
    result = Lithops(config=config).run(Job(algorithm, data, algorithm.start(data.info)), ignore)
    assert len(result.outputs["shard"]) == N_ROWS
    left = [item["path"] for page in store.list() for item in page]
    assert not [path for path in left if path.startswith(("burly/", "lithops.jobs/"))]


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_files_in_s3_are_read_by_the_functions(
    s3_environment: S3Server, tmp_path: Path, kind: str
) -> None:
    bucket = s3_environment.new_bucket()
    rows = np.arange(30_000.0)
    if kind == "parquet":
        file = tmp_path / "rows.parquet"
        parquet.write_table(pa.table({"x": rows, "y": rows}), file, row_group_size=5000)
    else:
        file = tmp_path / "rows.csv"
        np.savetxt(file, np.stack([rows, rows], 1), "%.6f", ",", header="x,y", comments="")
    s3_environment.store(bucket).put(file.name, file.read_bytes())
    result, _ = run(Dataset(f"s3://{bucket}/{file.name}"), n_workers=2)
    assert result.state["rows"].tolist()[0] == len(rows)


def test_a_cloud_backend_needs_a_state_store() -> None:
    with pytest.raises(ConfigurationError, match=r"aws_lambda need a state store.*rediss://"):
        Lithops(backend="aws_lambda")


def test_a_cloud_backend_in_the_configuration_needs_a_state_store() -> None:
    with pytest.raises(ConfigurationError, match="gcp_cloudrun need a state store"):
        Lithops(config={"lithops": {"backend": "gcp_cloudrun"}})


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_workers": 0},
        {"n_workers": True},
        {"n_workers": None},
        {"vcpus": 0},
        {"vcpus": -1.0},
        {"vcpus": "2"},
        {"memory_mb": 0.5},
        {"start_timeout": 0},
        {"start_timeout": None},
    ],
)
def test_parameters_that_cannot_work_are_refused(parameters: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(parameters))):
        Lithops(**parameters)  # type: ignore[arg-type]


def test_its_size_reaches_the_backends_section() -> None:
    given = {"lithops": {"backend": "aws_lambda"}, "aws_lambda": {"region": "eu-west-1"}}
    config = configuration.complete(
        given, backend=None, n_workers=4, vcpus=2, memory_mb=None, interpreter=""
    )
    section = config["aws_lambda"]
    assert section["region"] == "eu-west-1"
    assert section["runtime_memory"] == 3538


def test_numbers_of_numpy_are_numbers(points: Dataset) -> None:
    launcher = Lithops(np.int64(2), vcpus=np.float64(2), memory_mb=np.int32(512))
    assert repr(launcher) == "Lithops(n_workers=2, vcpus=2.0, memory_mb=512)"
    result, _ = run(points, n_workers=np.int64(2), vcpus=np.int64(2))
    assert result.state["rows"].tolist() == [N_ROWS, 4]


def test_only_the_number_of_workers_needs_no_name() -> None:
    with pytest.raises(TypeError):
        Lithops(2, 4)  # type: ignore[misc]


def test_functions_are_sent_the_variables_of_their_stores_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "GOOGLE_API_KEY", "AZURE_CLIENT_SECRET"):
        monkeypatch.setenv(name, "hush")
    np.save(tmp_path / "points.npy", np.ones((10, 3), np.float32))
    data = Dataset(tmp_path / "points.npy").resolve()

    def sent(backend: str, out: str | None) -> set[str]:
        own = Belongings(data, None if out is None else data.writer(out), dict)
        found = module._credentials_for(backend, own)
        return {name for name in found or () if name.startswith(("AWS_S", "GOOGLE_API", "AZURE_C"))}

    assert sent("code_engine", None) == set()
    assert sent("code_engine", "s3://bucket/out") == {"AWS_SECRET_ACCESS_KEY"}
    assert sent("code_engine", "az://bucket/out") == {"AZURE_CLIENT_SECRET"}
    assert sent("aws_lambda", "s3://bucket/out") == set()
    assert sent("aws_lambda", "gs://bucket/out") == {"GOOGLE_API_KEY"}
    assert sent("localhost", "s3://bucket/out") == set()


def test_what_writes_the_results_has_the_variables_too(
    points: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    data = points.resolve()
    own = Belongings(data, data.writer("s3://bucket/out"), dict)
    address = RunAddress.new("redis://cache", world_size=1)
    job = Job(Counting(), data, Counting().start(data.info))
    order = Lithops(1)._order(job, own, address, "code_engine")
    assert order.writer is not None
    assert (order.writer.credentials or {})["AWS_SECRET_ACCESS_KEY"] == "hush"


def test_its_repr_shows_no_secret() -> None:
    launcher = Lithops(state="redis://user:hush@cache:6379", config={"lithops": {"key": "hush"}})
    assert "hush" not in repr(launcher)


def test_it_is_a_value() -> None:
    launcher = Lithops(n_workers=3, config={"lithops": {"backend": "localhost"}})
    assert copy.deepcopy(launcher) == launcher


def test_an_unusable_configuration_is_an_error_of_ours(points: Dataset) -> None:
    with pytest.raises(BurlyError, match="Lithops could not start functions"):
        run(points, config={"lithops": {"backend": "localhost", "storage": "nowhere"}})


def test_a_survey_names_what_it_found() -> None:
    survey = Lithops(backend="localhost", config={"lithops": {}}).survey()
    assert re.match(r"3\.", survey.version)
    assert (survey.backend, survey.storage) == ("localhost", "localhost (storage)")


def test_threads_on_localhost_are_shared_evenly(
    points: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.cores, "granted", lambda: 6)
    result, _ = run(points, n_workers=2)
    assert result.state["rows"].tolist() == [N_ROWS, 6]


def test_a_note_says_when_workers_share_row_groups(tmp_path: Path) -> None:
    rows = np.arange(30_000.0)
    parquet.write_table(pa.table({"x": rows}), tmp_path / "one.parquet")
    _, seen = run(Dataset(tmp_path / "one.parquet"), n_workers=2)
    assert any("row group" in e.message for e in seen.events if isinstance(e, Noted))
