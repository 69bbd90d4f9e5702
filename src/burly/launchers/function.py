"""What runs inside a function: the loop of every worker, and little else to import."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from burly import vcpus
from burly.algorithms.base import Algorithm
from burly.data.allocator import use_one_arena
from burly.data.outputs import OutputWriter
from burly.data.partition import DatasetInfo, Partition
from burly.data.reader import Reader
from burly.data.reading import read_partition
from burly.data.shards import Shard
from burly.exceptions import describe
from burly.kernels import ThreadTeam
from burly.launchers.exit_with_client import end_with
from burly.state.address import RunAddress
from burly.state.connect import connect
from burly.worker import Task, run_worker

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What all functions of a run are told.

    Attributes
    ----------
    address : RunAddress
        Where the run is in the state store, with its secret.
    algorithm : Algorithm
    info : DatasetInfo
    reader : Reader
    writer : OutputWriter or None
        None: nobody wants the outputs.
    n_threads : int or None
        None: as many as the function is granted.
    credentials : mapping of str to str
        For the data, where the function has no role of its own.
    launched_at : float
    client : int or None
        The process of the client, where it is on the same machine: this function ends with it.
    """

    address: RunAddress = field(repr=False)
    algorithm: Algorithm
    info: DatasetInfo
    reader: Reader
    writer: OutputWriter | None
    n_threads: int | None
    credentials: Mapping[str, str] | None = field(repr=False)
    launched_at: float
    client: int | None = None


def work(
    order: Order,
    rank: int,
    shards: tuple[Shard, ...],
    *,
    make_team: Callable[[int], ThreadTeam] = ThreadTeam,
) -> str:
    """Be one rank of a run until it is done.

    Parameters
    ----------
    order : Order
    rank : int
    shards : tuple of Shard
        The partition of this rank.
    make_team : callable
        See `burly.worker.Task`.

    Returns
    -------
    str
        Empty, or the error that ended this worker: one that is told is not tried again by the
        platform, which an exception would be.
    """
    if order.client is not None:
        end_with(order.client)
    n_threads = order.n_threads or vcpus.granted()
    task = Task(
        algorithm=order.algorithm,
        n_threads=n_threads,
        load=lambda threads: _load(order, shards, threads),
        write=order.writer,
        launched_at=order.launched_at,
        make_team=make_team,
    )
    store = connect(order.address, n_threads)
    try:
        run_worker(task, store, rank=rank, world_size=order.address.world_size)
    except Exception as error:  # noqa: BLE001  told, never raised
        _log.exception("rank %d ended", rank)
        return describe(error)
    finally:
        store.close()
    return ""


def _load(order: Order, shards: tuple[Shard, ...], n_threads: int) -> Partition:
    if order.reader.leaves_pieces:
        use_one_arena()
    return read_partition(
        order.info, order.reader, shards, n_threads=n_threads, credentials=order.credentials
    )
