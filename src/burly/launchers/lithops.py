"""Workers that are functions of Lithops."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import KW_ONLY, dataclass, field, replace
from numbers import Integral, Real
from typing import Any

from burly import vcpus as cores
from burly.data.shards import Shard
from burly.data.storage import Credentials
from burly.events import Launched, Noted
from burly.launchers import memory, platforms
from burly.launchers.backends import check_backend
from burly.launchers.base import Job, Launcher, Observer, Result, plain_number
from burly.launchers.configuration import LOCALHOST, backend_of, complete
from burly.launchers.ending import GRACE_S, ending
from burly.launchers.executor import Functions, Survey, executor
from burly.launchers.function import Order
from burly.launchers.lithops_import import import_lithops
from burly.launchers.run_storage import Belongings, belongings
from burly.launchers.watch import Watch
from burly.state.address import RunAddress, mask
from burly.state.connect import connect
from burly.state.embedded import EmbeddedServer
from burly.state.store import StateMessage

ROLES = {"aws_lambda": "s3://"}
"""Backends whose functions reach a store by their own role: keys of ours would only travel."""


@dataclass(frozen=True)
class Lithops(Launcher):
    """Run the workers as functions of Lithops.

    A value without connections: nothing is imported, read or started before a run.

    Parameters
    ----------
    n_workers : int
        How many functions; few with many vCPUs beat many with one.
    vcpus : float, optional
        vCPUs per function: they become memory or CPUs by the platform's rule. By default what the
        Lithops configuration says; on localhost, the cores of this machine, shared evenly.
    memory_mb : int, optional
        Memory per function at least, where that is more than comes with ``vcpus``.
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

    Notes
    -----
    Functions run on an interpreter of their own, which must have this version of burly; on localhost it is
    the client's. Nothing of burly is shipped: on other backends the runtime image contains it.

    What functions need to reach the data travels in their payload: on backends other than localhost, the
    variables of the client's environment that begin with ``AWS_`` (for ``s3://`` places, but not to AWS
    Lambda, whose functions have a role), ``GOOGLE_`` (``gs://``) or ``AZURE_`` (``az://``), each only where
    the dataset or the place of the results is in such a store; for arrays, the keys of Lithops' storage;
    and the address and password of the state store. Lithops keeps payloads in its storage while a run
    lasts: who may read that may read them.

    Examples
    --------
    >>> Lithops(n_workers=4, vcpus=2, backend="aws_lambda", state="rediss://cache:6379")
    Lithops(n_workers=4, vcpus=2, backend='aws_lambda', state='rediss://cache:6379')
    """

    n_workers: int = 2
    _: KW_ONLY
    vcpus: float | None = None
    memory_mb: int | None = None
    backend: str | None = None
    config: Mapping[str, Any] | None = field(default=None, repr=False)
    state: str | None = None
    start_timeout: float = 120.0

    def __post_init__(self) -> None:
        kinds = {"n_workers": Integral, "start_timeout": Real}
        if self.vcpus is not None:
            kinds["vcpus"] = Real
        if self.memory_mb is not None:
            kinds["memory_mb"] = Integral
        for name, kind in kinds.items():
            object.__setattr__(self, name, plain_number(name, getattr(self, name), kind))
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
            if self.state is None:
                # A server of ours that has ended does not come back.
                address = replace(address, patience_s=GRACE_S)
            store = connect(address)
            stack.callback(store.close)
            store.check_round(job.algorithm.contribution_bytes(job.data.info), len(parts))
            functions = stack.enter_context(executor(config, address.run_id))
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
            last = connect(replace(address, patience_s=GRACE_S))
            stack.callback(last.close)
            with ending(functions, observer, store, last):
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
        with executor(config, secrets.token_hex(8)) as functions:
            return functions.survey()

    def _check_memory(
        self, job: Job, parts: Sequence[tuple[Shard, ...]], functions: Functions
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
        credentials = own.data.credentials or _credentials_for(backend, own)
        return Order(
            address=address,
            algorithm=job.algorithm,
            info=own.data.info,
            reader=own.data.reader,
            writer=own.writer and replace(own.writer, credentials=credentials),
            n_threads=job.n_threads or self._n_threads(backend, address.world_size),
            credentials=credentials,
            launched_at=time.time(),
            client=os.getpid() if backend == LOCALHOST else None,
        )

    def _launched(self, order: Order, functions: Functions) -> Launched:
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
        given = self.config or import_lithops().module("lithops.config").load_config()
        backend = backend_of(given, self.backend)
        check_backend(backend, has_state=self.state is not None)
        return complete(
            given,
            backend=self.backend,
            n_workers=n_workers,
            vcpus=self.vcpus,
            memory_mb=self.memory_mb,
            interpreter=import_lithops().interpreter if backend == LOCALHOST else "",
        )


def _credentials_for(backend: str, own: Belongings) -> Credentials | None:
    """Return what functions need that have neither our environment nor a role of their own."""
    if backend == LOCALHOST:
        return None
    places = {shard.object.uri for shard in own.data.shards}
    if own.writer is not None:
        places.add(own.writer.target)
    role = ROLES.get(backend)
    return Credentials.from_environment(
        place for place in places if role is None or not place.startswith(role)
    )
