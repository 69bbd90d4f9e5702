"""The functions of one run, on an executor of their own."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from burly.data.allocator import ARROW_ENVIRONMENT
from burly.data.shards import Shard
from burly.exceptions import BurlyError, LaunchError, describe
from burly.launchers.configuration import LOCAL_INTERVAL_S, LOCALHOST
from burly.launchers.ending import afterwards
from burly.launchers.function import Order, work
from burly.launchers.lithops_import import import_lithops
from burly.launchers.run_storage import Place, place_in

KILLED_S = 3.0
"""How long a process that was killed may take to be gone."""
JOBS = "lithops.jobs"
"""Where Lithops keeps what belongs to a job."""
SESSION = ("__LITHOPS_SESSION_ID", "__LITHOPS_TOTAL_EXECUTORS")
"""What Lithops leaves in the environment: a child process would take on our identity with it."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look at Lithops found; its storage was written and read in ``storage_s`` seconds.

    ``has_burly`` says whether the runtime contains burly; None: it was not deployed yet, so nobody knows.
    """

    version: str
    backend: str
    storage: str
    storage_s: float
    runtime: str
    has_burly: bool | None


class Functions:
    """The functions of one run, as their executor sees them."""

    def __init__(self, executor: Any, backend: str) -> None:
        self.backend = backend
        self._executor = executor
        self._futures: Sequence[Any] = ()
        self._runner_ended_at: float | None = None
        self._stopped = False

    def start(self, order: Order, parts: Sequence[tuple[Shard, ...]]) -> None:
        def function(rank: int, shards: tuple[Shard, ...]) -> str:
            return work(order, rank, shards)

        with import_lithops().to_ourselves(), _foreign_errors():
            self._futures = self._executor.map(
                function,
                [(rank, part) for rank, part in enumerate(parts)],
                include_modules=None,
                extra_env=dict(ARROW_ENVIRONMENT),
            )
            self._forget_runtime()

    def _forget_runtime(self) -> None:
        """Remove what Lithops notes of a local runtime for others: ours goes with this process."""
        if self.backend == LOCALHOST:
            constants = import_lithops().module("lithops.constants")
            noted = Path(
                constants.CACHE_DIR, constants.RUNTIMES_PREFIX, f"{self._runtime_key()}.meta.json"
            )
            noted.unlink(missing_ok=True)
            with suppress(OSError):  # the folder of another client's runtime may be in it
                noted.parent.rmdir()

    @property
    def section(self) -> Mapping[str, Any]:
        """What the configuration says of the backend, with the defaults of Lithops."""
        section: Mapping[str, Any] = self._executor.config.get(self.backend) or {}
        return section

    def place(self, run_id: str) -> Place:
        """Return where a run may keep things in the storage of Lithops."""
        folder = import_lithops().module("lithops.constants").LITHOPS_TEMP_DIR
        return place_in(self._executor.config, folder, run_id)

    def survey(self) -> Survey:
        storage = self._executor.storage
        begun = time.perf_counter()
        with _foreign_errors():
            key = f"{JOBS}/{self._executor.executor_id}/survey"
            storage.put_object(storage.bucket, key, b"burly")
            storage.get_object(storage.bucket, key)
        return Survey(
            import_lithops().module("lithops").__version__,
            self.backend,
            f"{storage.backend} ({storage.bucket})",
            time.perf_counter() - begun,
            self._executor.invoker.runtime_name,
            self._has_burly(),
        )

    def _has_burly(self) -> bool | None:
        """Look at what Lithops noted of the runtime when it was deployed; a local one is the client's."""
        if self.backend == LOCALHOST:
            return True
        noted = self._executor.internal_storage.get_runtime_meta(self._runtime_key())
        return None if not noted else any(name == "burly" for name, _ in noted["preinstalls"])

    def _runtime_key(self) -> str:
        """Return where Lithops notes what it knows of the runtime."""
        invoker = self._executor.invoker
        key: str = self._executor.compute_handler.get_runtime_key(
            invoker.runtime_name,
            invoker.runtime_info["runtime_memory"],
            import_lithops().module("lithops").__version__,
        )
        return key

    def started(self) -> int:
        return sum(not (future.new or future.invoked) for future in self._futures)

    def ended(self) -> Mapping[int, str]:
        told = self._told()
        process = self._runner()
        if process is None or process.poll() is None:
            return told
        # What functions said on their way out may still be on its way to us.
        self._runner_ended_at = self._runner_ended_at or time.monotonic()
        if time.monotonic() < self._runner_ended_at + 5 * LOCAL_INTERVAL_S:
            return told
        why = f"the local runner of Lithops ended with code {process.returncode}"
        return dict.fromkeys(range(len(self._futures)), why) | told

    def wait(self, timeout_s: float) -> None:
        """Wait until all have ended, but not for ever."""
        deadline = time.monotonic() + timeout_s
        while not self.all_ended() and time.monotonic() < deadline:
            time.sleep(0.02)

    def stop(self) -> None:
        """End what still runs, where the platform lets us."""
        if self.backend != LOCALHOST:
            return
        process = self._runner()
        # Those of an executor whose map was interrupted are not known by name.
        keys = {future.job_key for future in self._futures} or None
        self._executor.compute_handler.clear(keys, exception=LaunchError())
        if process is not None:
            with suppress(subprocess.TimeoutExpired):  # it was killed: this takes no time
                process.wait(KILLED_S)
        self._stopped = process is None or process.poll() is not None

    def all_ended(self) -> bool:
        """Return whether no function runs any more, as far as their platform says."""
        process = self._runner()
        if process is not None:
            return process.poll() is not None
        return self._stopped or 0 < len(self._futures) == len(self._told())

    def close(self) -> None:
        """Let go of the executor, and remove what it stored for this run."""
        self._executor.job_monitor.stop()
        self._executor.job_monitor.cleanup()
        self._executor.invoker.stop()
        storage = self._executor.internal_storage
        keys = storage.storage.list_keys(storage.bucket, f"{JOBS}/{self._executor.executor_id}")
        storage.storage.delete_objects(storage.bucket, keys)

    def _runner(self) -> Any | None:
        """Return the process that all local functions are children of, once it was started."""
        if self.backend != LOCALHOST or not self._futures:
            return None
        return self._executor.compute_handler.env.jobs.get(self._futures[0].job_key)

    def _told(self) -> dict[int, str]:
        """Return what functions said that ended; their status has been fetched by the monitor."""
        told = {}
        for rank, future in enumerate(self._futures):
            if future.ready or future.success or future.done:
                told[rank] = _last_words(future)
        return told


@contextmanager
def executor(config: dict[str, Any], run_id: str) -> Iterator[Functions]:
    """Yield the functions of a run, on an executor of their own, and remove what Lithops stored."""
    ours = import_lithops()
    outside = {name: os.environ.pop(name, None) for name in SESSION}
    os.environ[SESSION[0]] = f"burly-{run_id}"
    try:
        with ours.to_ourselves(), _foreign_errors():
            made = ours.module("lithops").FunctionExecutor(config=config, log_level=None)
    finally:
        for name, value in outside.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
    atexit.unregister(made._clean_at_exit)  # noqa: SLF001  it would keep every executor alive
    functions = Functions(made, config["lithops"]["backend"])
    with afterwards(functions.close):
        yield functions


def _last_words(future: Any) -> str:
    hook = sys.excepthook
    try:
        return future.result() or ""
    except Exception as error:  # noqa: BLE001  whatever the function raised
        return _lacking(error) or describe(error)
    finally:
        sys.excepthook = hook


def _lacking(error: Exception) -> str:
    """Return what is wrong with a runtime that cannot import what it is told to run; else nothing."""
    if not isinstance(error, ImportError) or (error.name or "").partition(".")[0] != "burly":
        return ""
    return (
        f"its runtime lacks burly {version('burly')} ({error}), and nothing of burly is shipped: build an "
        "image that contains it (docs/aws.md shows one), and name it as the runtime of the backend"
    )


@contextmanager
def _foreign_errors() -> Iterator[None]:
    """Turn what Lithops raises while it is set up into an error of ours."""
    try:
        yield
    except BurlyError:
        raise
    except Exception as error:
        raise LaunchError(
            f"Lithops could not start functions: {describe(error)}; `burly doctor` looks at its "
            "configuration"
        ) from error
