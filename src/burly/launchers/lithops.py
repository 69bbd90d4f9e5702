"""Workers that are functions of Lithops: the only file that imports Lithops."""

from __future__ import annotations

import atexit
import fcntl
import importlib
import logging
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from burly import vcpus as cores
from burly.data.allocator import ARROW_ENVIRONMENT
from burly.data.shards import Shard
from burly.data.storage import Credentials
from burly.events import Ended, Launched, Noted
from burly.exceptions import (
    BurlyError,
    ConfigurationError,
    LaunchError,
    RunAbortedError,
    describe,
    packed,
)
from burly.launchers import memory, platforms
from burly.launchers.backends import check_backend
from burly.launchers.base import Job, Launcher, Observer, Result
from burly.launchers.belongings import Belongings, Place, belongings, place_in
from burly.launchers.configuration import LOCAL_INTERVAL_S, LOCALHOST, backend_of, complete
from burly.launchers.function import Order, work
from burly.launchers.watch import Watch
from burly.launchers.workplace import workplace
from burly.state.address import RunAddress, connect, mask
from burly.state.embedded import EmbeddedServer
from burly.state.store import StateMessage, StateStore

_log = logging.getLogger(__name__)

JOBS = "lithops.jobs"
"""Where Lithops keeps what belongs to a job."""
GRACE_S = 3.0
"""How long workers that were told to stop may take before local ones are killed."""
SESSION = ("__LITHOPS_SESSION_ID", "__LITHOPS_TOTAL_EXECUTORS")
"""What Lithops leaves in the environment: a child process would take on our identity with it."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look at Lithops found; its storage was written and read in ``storage_s`` seconds."""

    version: str
    backend: str
    storage: str
    storage_s: float


@dataclass(frozen=True)
class Lithops(Launcher):
    """Run the workers as functions of Lithops.

    A value without connections: nothing is imported, read or started before a run.

    Parameters
    ----------
    n_workers : int
        How many functions; few with many vCPUs beat many with one.
    vcpus : float, optional
        vCPUs a function: they become memory or CPUs by the platform's rule. By default what the
        Lithops configuration says; on localhost, the cores of this machine, shared evenly.
    memory_mb : int, optional
        Memory a function at least, where that is more than comes with ``vcpus``.
    backend : str, optional
        A compute backend of Lithops, such as ``"localhost"`` or ``"aws_lambda"``; by default the
        configuration's.
    config : mapping, optional
        A Lithops configuration; by default Lithops looks for its configuration file, and runs on
        localhost where there is none.
    state : str, optional
        The state store: ``redis://``, ``rediss://``, ``valkey://`` or ``unix://``. Needed wherever
        functions run elsewhere; on localhost a Valkey server is started for the run by default.
    start_timeout : float, default=120.0
        Seconds within which all functions must have started.

    Raises
    ------
    burly.exceptions.ConfigurationError
        If a parameter cannot work.

    Examples
    --------
    >>> Lithops(n_workers=4, vcpus=2, backend="aws_lambda", state="rediss://cache:6379")
    Lithops(n_workers=4, vcpus=2, backend='aws_lambda', state='rediss://cache:6379')
    """

    n_workers: int = 2
    vcpus: float | None = None
    memory_mb: int | None = None
    backend: str | None = None
    config: Mapping[str, Any] | None = field(default=None, repr=False)
    state: str | None = None
    start_timeout: float = 120.0

    def __post_init__(self) -> None:
        if self.n_workers < 1:
            raise ConfigurationError(f"n_workers must be 1 or more, got {self.n_workers}")
        if self.vcpus is not None and self.vcpus <= 0:
            raise ConfigurationError(f"vcpus must be more than 0, got {self.vcpus}")
        if self.start_timeout <= 0:
            raise ConfigurationError(f"start_timeout must be more than 0, got {self.start_timeout}")
        # A configuration file may name another one: `_configuration` looks again.
        backend = backend_of(self.config or {}, self.backend)
        check_backend(backend, has_state=self.state is not None)

    def __repr__(self) -> str:
        shown = {
            "n_workers": self.n_workers,
            "vcpus": self.vcpus,
            "memory_mb": self.memory_mb,
            "backend": self.backend,
            "state": self.state and mask(self.state),
        }
        given = ", ".join(f"{k}={v!r}" for k, v in shown.items() if v is not None)
        return f"Lithops({given})"

    def run(self, job: Job, observer: Observer) -> Result:
        """See a job through on functions."""
        parts = job.data.split(self.n_workers)
        config = self._configuration(len(parts))
        for note in job.data.notes_for(self.n_workers):
            observer(Noted(time.time(), note))
        with ExitStack() as stack:
            url = self.state or stack.enter_context(EmbeddedServer()).url
            address = RunAddress.new(url, world_size=len(parts), memory=job.algorithm.memory)
            store = connect(address)
            stack.callback(store.close)
            store.check_round(job.algorithm.contribution_bytes(job.data.info), len(parts))
            functions = stack.enter_context(_executor(config, address.run_id))
            self._check_memory(job, parts, functions)
            store.open(StateMessage(leg=0, round=1, state=job.first))
            own = stack.enter_context(belongings(job, lambda: functions.place(address.run_id)))
            parts = own.data.split(self.n_workers)
            order = self._order(job, own, address, functions.backend)
            observer(self._launched(order, functions))
            watch = Watch(
                store,
                functions,
                world_size=len(parts),
                observer=observer,
                start_timeout_s=self.start_timeout,
            )
            with _ending(store, functions, observer):
                functions.start(order, parts)
                state = watch.until_done(job.first)
                watch.until_left(writing=own.writer is not None)
                outputs = own.gather()
            return Result(state, outputs)

    def survey(self) -> Survey:
        """Set up Lithops as a run would, write and read one small object, and launch nothing.

        Raises
        ------
        burly.exceptions.ConfigurationError, burly.exceptions.LaunchError
            What would also end a run.
        """
        config = self._configuration(self.n_workers)
        with _executor(config, secrets.token_hex(8)) as functions:
            return functions.survey()

    def _check_memory(
        self, job: Job, parts: Sequence[tuple[Shard, ...]], functions: _Functions
    ) -> None:
        granted = platforms.granted(functions.backend, functions.section)
        if functions.backend != LOCALHOST and granted.memory_mb:
            memory.check(
                job.algorithm,
                job.data,
                parts,
                memory_mb=granted.memory_mb,
                where=functions.backend,
            )

    def _order(self, job: Job, own: Belongings, address: RunAddress, backend: str) -> Order:
        return Order(
            address=address,
            algorithm=job.algorithm,
            info=own.data.info,
            reader=own.data.reader,
            writer=own.writer,
            n_threads=job.n_threads or self._n_threads(backend, address.world_size),
            credentials=own.data.credentials or _credentials_for(backend),
            launched_at=time.time(),
            client=os.getpid() if backend == LOCALHOST else None,
        )

    def _launched(self, order: Order, functions: _Functions) -> Launched:
        granted = platforms.granted(functions.backend, functions.section)
        return Launched(
            at=order.launched_at,
            n_workers=order.address.world_size,
            vcpus=self.vcpus or granted.vcpus or order.n_threads or 0.0,
            launcher=f"Lithops {functions.backend}",
            memory_mb=0 if functions.backend == LOCALHOST else granted.memory_mb,
            price=platforms.price(functions.backend, functions.section),
        )

    def _n_threads(self, backend: str, n_workers: int) -> int | None:
        """Return threads a worker; None: what the function finds that it is granted."""
        if self.vcpus is not None:
            return max(1, round(self.vcpus))
        return max(1, cores.granted() // n_workers) if backend == LOCALHOST else None

    def _configuration(self, n_workers: int) -> dict[str, Any]:
        """Return the configuration for Lithops, complete with what burly needs of it."""
        given = self.config or _lithops().module("lithops.config").load_config()
        backend = backend_of(given, self.backend)
        check_backend(backend, has_state=self.state is not None)
        return complete(
            given,
            backend=self.backend,
            n_workers=n_workers,
            vcpus=self.vcpus,
            memory_mb=self.memory_mb,
            interpreter=_lithops().interpreter if backend == LOCALHOST else "",
        )


class _Functions:
    """The functions of one run, as their executor sees them."""

    def __init__(self, executor: Any, backend: str) -> None:
        self.backend = backend
        self._executor = executor
        self._futures: Sequence[Any] = ()
        self._runner_ended_at: float | None = None

    def start(self, order: Order, parts: Sequence[tuple[Shard, ...]]) -> None:
        def function(rank: int, shards: tuple[Shard, ...]) -> str:
            return work(order, rank, shards)

        with _lithops().to_ourselves(), _foreign_errors():
            self._futures = self._executor.map(
                function,
                [(rank, part) for rank, part in enumerate(parts)],
                include_modules=None,
                extra_env=dict(ARROW_ENVIRONMENT),
            )

    @property
    def section(self) -> Mapping[str, Any]:
        """What the configuration says of the backend, with the defaults of Lithops."""
        section: Mapping[str, Any] = self._executor.config.get(self.backend) or {}
        return section

    def place(self, run_id: str) -> Place:
        """Return where a run may keep things in the storage of Lithops."""
        folder = _lithops().module("lithops.constants").LITHOPS_TEMP_DIR
        return place_in(self._executor.config, folder, run_id)

    def survey(self) -> Survey:
        storage = self._executor.storage
        begun = time.perf_counter()
        with _foreign_errors():
            key = f"{JOBS}/{self._executor.executor_id}/survey"
            storage.put_object(storage.bucket, key, b"burly")
            storage.get_object(storage.bucket, key)
        return Survey(
            _lithops().module("lithops").__version__,
            self.backend,
            f"{storage.backend} ({storage.bucket})",
            time.perf_counter() - begun,
        )

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
        while not self._all_ended() and time.monotonic() < deadline:
            time.sleep(0.02)

    def stop(self) -> None:
        """End what still runs, where the platform lets us."""
        if self._futures and self.backend == LOCALHOST:
            process = self._runner()
            keys = {future.job_key for future in self._futures}
            self._executor.compute_handler.clear(keys, exception=LaunchError())
            if process is not None:
                with suppress(subprocess.TimeoutExpired):  # it was killed: this takes no time
                    process.wait(GRACE_S)

    def close(self) -> None:
        """Let go of the executor, and remove what it stored for this run."""
        self._executor.job_monitor.stop()
        self._executor.job_monitor.cleanup()
        self._executor.invoker.stop()
        storage = self._executor.internal_storage
        keys = storage.storage.list_keys(storage.bucket, f"{JOBS}/{self._executor.executor_id}")
        storage.storage.delete_objects(storage.bucket, keys)

    def _all_ended(self) -> bool:
        process = self._runner()
        if process is not None:
            return process.poll() is not None
        return len(self._told()) == len(self._futures)

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


def _last_words(future: Any) -> str:
    hook = sys.excepthook
    try:
        return future.result() or ""
    except Exception as error:  # noqa: BLE001  whatever the function raised
        return describe(error)
    finally:
        sys.excepthook = hook


def _credentials_for(backend: str) -> Credentials | None:
    """Return what functions need that have neither our environment nor a role of their own."""
    return None if backend in {LOCALHOST, "aws_lambda"} else Credentials.from_environment()


@contextmanager
def _ending(store: StateStore, functions: _Functions, observer: Observer) -> Iterator[None]:
    """End a run: leave nothing after a success or a cancel, and after a failure what resumes it."""
    try:
        yield
    except BaseException as error:
        cancelled = not isinstance(error, Exception)
        ended_by = RunAbortedError("the run was cancelled") if cancelled else error
        try:
            store.abort(packed(ended_by))
            functions.wait(GRACE_S)
        except Exception:  # noqa: BLE001  the error that ended the run is what there is to tell
            _log.exception("the run could not be told to end")
        finally:
            functions.stop()
        if cancelled:
            store.clear()
        observer(Ended(time.time(), describe(ended_by)))
        raise
    store.clear()
    functions.stop()
    observer(Ended(time.time()))


@contextmanager
def _executor(config: dict[str, Any], run_id: str) -> Iterator[_Functions]:
    """Yield the functions of a run, on an executor of their own, and remove what Lithops stored."""
    lithops = _lithops()
    outside = {name: os.environ.pop(name, None) for name in SESSION}
    os.environ[SESSION[0]] = f"burly-{run_id}"
    try:
        with lithops.to_ourselves(), _foreign_errors():
            executor = lithops.module("lithops").FunctionExecutor(config=config, log_level=None)
    finally:
        for name, value in outside.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
    atexit.unregister(executor._clean_at_exit)  # noqa: SLF001  it would keep every executor alive
    functions = _Functions(executor, config["lithops"]["backend"])
    try:
        yield functions
    finally:
        functions.close()


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


class _Lithops:
    """Lithops, imported quietly, in a folder of this process alone."""

    def __init__(self) -> None:
        self._lock: Path | None = None
        place = workplace()
        if "lithops" in sys.modules:
            folder = Path(sys.modules["lithops.constants"].LITHOPS_TEMP_DIR)
            self._lock = folder / ".burly.lock"
            self.interpreter = place.interpreter(tmpdir=None)
            _log.warning(
                "Lithops was imported before burly could give it a folder of its own: "
                "it shares %s with other clients",
                folder,
            )
        else:
            self.interpreter = place.interpreter(tmpdir=str(place.folder))
            with place.as_temporary_folder():
                importlib.import_module("lithops")
        logging.getLogger("lithops").addHandler(logging.NullHandler())

    def module(self, name: str) -> Any:
        return importlib.import_module(name)

    @contextmanager
    def to_ourselves(self) -> Iterator[None]:
        """Keep other clients out of a shared folder."""
        if self._lock is None:
            yield
            return
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _lithops() -> _Lithops:
    return _imported(os.getpid())


@cache
def _imported(pid: int) -> _Lithops:  # noqa: ARG001  a forked process has a folder of its own
    return _Lithops()
