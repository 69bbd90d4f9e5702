"""One machine as several functions of several vCPUs.

A vCPU is a control group (cgroup v1) that may use a fixed share of a core, with one busy thread in
it. The threads that compute go into vCPUs; all else of an experiment - the store, the relay, the
client, the waiting main threads of the workers - goes into one more group, which gets what the
vCPUs leave. A group around a whole function would not do: one thread could use the share of all.

All groups lie in one whose weight lets it have the cores before the rest of the machine. Throttling
is coarse: a kernel that looks 250 times a second lets a thread run for up to 4 ms and then stops it
until its share has caught up, 32 ms for an eighth of a core. So a round should carry some hundred
milliseconds of compute.

Run by itself it checks itself::

    python experiments/emulation.py --vcpus 8
"""

import argparse
import contextlib
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup/cpu")
QUOTA_US = 1000
"""The least that the kernel allows."""
SHARES = {8: 0.125, 16: 0.1}
"""The share of a core that a vCPU gets, if there are at most so many of them. On 2 cores, 8 with 0.2
each came 8 % short when all were busy; so they get less, and all else has more room."""
WEIGHT = 1024
GREATEST_WEIGHT = 262144
TOLERANCE = 0.1
CHECK_S = 1.0


SECOND_VERSION = Path("/sys/fs/cgroup/cgroup.controllers")


class EmulationError(SystemExit):
    """This machine cannot stand for functions; the message is all that an experiment ends with."""


@dataclass(frozen=True)
class Vcpus:
    """The vCPUs there are.

    Attributes
    ----------
    folder : Path
        The group of them all.
    n : int
    share : float
        Of a core, each.
    """

    folder: Path
    n: int
    share: float

    def group(self, vcpu: int) -> Path:
        """Return the control group of a vCPU."""
        return self.folder / f"vcpu{vcpu}"

    def of_worker(self, rank: int, n_threads: int) -> list[Path]:
        """Return the groups of a worker's vCPUs, one for each of its threads."""
        return [self.group(rank * n_threads + thread) for thread in range(n_threads)]


def share_of(n_vcpus: int) -> float:
    """Return the share of a core that each of so many vCPUs gets.

    Raises
    ------
    EmulationError
        If there are too many for two cores.
    """
    for most, share in SHARES.items():
        if n_vcpus <= most:
            return share
    raise EmulationError(f"{n_vcpus} vCPUs do not fit: this emulation has {max(SHARES)} at most")


@contextmanager
def vcpus(n: int) -> Iterator[Vcpus]:
    """Make vCPUs, put this process and its children beside them, and take all away at the end.

    Raises
    ------
    EmulationError
        If control groups of version 1 are not there or not ours to make.
    """
    share = share_of(n)
    _require_groups()
    before = _own_group()
    made = Vcpus(ROOT / f"burly-experiment-{os.getpid()}", n, share)
    try:
        _make(made.folder, weight=GREATEST_WEIGHT)
        _make(made.folder / "others", weight=10 * WEIGHT)
        for vcpu in range(n):
            _make(made.group(vcpu), period_us=round(QUOTA_US / share))
        (made.folder / "others" / "cgroup.procs").write_text(str(os.getpid()))
        yield made
    finally:
        (before / "cgroup.procs").write_text(str(os.getpid()))
        _remove(made.folder)


@contextmanager
def in_front() -> Iterator[None]:
    """Give this process and its children the cores before the rest of the machine, without vCPUs."""
    with vcpus(0):
        yield


def enter(group: Path, thread_id: int) -> None:
    """Put one thread of any process into a group."""
    (group / "tasks").write_text(str(thread_id))


def enter_all(groups: Sequence[Path], thread_ids: Iterable[int]) -> None:
    """Put each thread into a group of its own; this is a hook for a thread team."""
    for group, thread_id in zip(groups, thread_ids, strict=True):
        enter(group, thread_id)


@dataclass(frozen=True)
class Check:
    """A promise of the emulation, and how it was kept.

    Attributes
    ----------
    what : str
    asked, least, median, most : float
    """

    what: str
    asked: float
    least: float
    median: float
    most: float

    @classmethod
    def of(
        cls, what: str, asked: float, measured: Sequence[float], *, in_the_median: bool = False
    ) -> "Check":
        """Hold what was measured to what was asked.

        Raises
        ------
        EmulationError
            If any of it, or the median, is off by more than a tenth.
        """
        made = cls(what, asked, min(measured), statistics.median(measured), max(measured))
        judged = [made.median] if in_the_median else measured
        if max(abs(each / asked - 1) for each in judged) > TOLERANCE:
            raise EmulationError(
                f"{what} should be {asked:g} and is "
                f"{', '.join(f'{each:.3f}' for each in measured)}: is the machine busy?"
            )
        print(f"{what}: {asked:g} asked, {made.least:.3f} to {made.most:.3f} measured")
        return made


def check(made: Vcpus) -> list[Check]:
    """Hold the vCPUs to their promise: one busy thread gets its share, and each of all gets it.

    Raises
    ------
    EmulationError
        If a share is off by more than a tenth.
    """
    alone = measure_shares([made.group(0)])
    together = measure_shares([made.group(vcpu) for vcpu in range(made.n)])
    return [
        Check.of(f"share of a core of one busy vCPU of {made.n}", made.share, alone),
        Check.of(f"share of a core of each of {made.n} busy vCPUs", made.share, together),
    ]


def measure_shares(groups: Sequence[Path]) -> list[float]:
    """Return the share of a core that a busy thread in each of these groups gets, all at once."""
    context = multiprocessing.get_context("fork")
    barrier, told = context.Barrier(len(groups)), context.Queue()
    burners = [context.Process(target=_burn, args=(group, barrier, told)) for group in groups]
    for burner in burners:
        burner.start()
    shares = [told.get() for _ in burners]
    for burner in burners:
        burner.join()
    return shares


def _burn(group: Path, barrier: "multiprocessing.Barrier", told: "multiprocessing.Queue") -> None:
    enter(group, os.getpid())
    barrier.wait()
    begun, begun_cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() < begun + CHECK_S:
        pass
    share = (time.process_time() - begun_cpu) / (time.perf_counter() - begun)
    told.put(share)


def _require_groups() -> None:
    if not (ROOT / "cgroup.procs").exists():
        newer = SECOND_VERSION.exists()
        raise EmulationError(
            f"there is no cgroup v1 'cpu' controller at {ROOT}"
            + (
                ": this machine has cgroup v2, for which the emulation is not written"
                if newer
                else ""
            )
        )
    if not os.access(ROOT / "cgroup.procs", os.W_OK):
        raise EmulationError(f"{ROOT} is not writable: run the experiments as root")
    for left in ROOT.glob("burly-experiment-*"):
        if not Path(f"/proc/{left.name.rpartition('-')[2]}").exists():
            _remove(left)


def _own_group() -> Path:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "cpu" in controllers.split(","):
            return ROOT / path.lstrip("/")
    return ROOT


def _make(group: Path, *, weight: int = WEIGHT, period_us: int | None = None) -> None:
    try:
        group.mkdir()
        (group / "cpu.shares").write_text(str(weight))
        if period_us is not None:
            (group / "cpu.cfs_period_us").write_text(str(period_us))
            (group / "cpu.cfs_quota_us").write_text(str(QUOTA_US))
    except OSError as error:
        raise EmulationError(f"cannot make the control group {group}: {error}") from error


def _remove(folder: Path) -> None:
    """Remove groups; who is still inside goes to the top."""
    for group in (*folder.glob("*/"), folder):
        for thread_id in (group / "tasks").read_text().split():
            with contextlib.suppress(OSError):  # it has ended
                enter(ROOT, int(thread_id))
        for _ in range(100):
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.01)


def main() -> None:
    """Check the emulation, which prints what it measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vcpus", type=int, default=8)
    with vcpus(parser.parse_args().vcpus) as made:
        check(made)


if __name__ == "__main__":
    main()
