"""Where the time of a worker of the paper's protocol goes, and what it sends to the server."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from redis.connection import Connection

PHASES = ("compute", "locks", "contribute", "wait", "update", "receive")
"""The inner workers' work, forking and pipes included; taking and giving back locks; reading and
writing sums under them; both barriers of a round; moving what is shared, in worker 0; reading it."""


@dataclass
class Spent:
    """What one worker spent in its rounds; times are seconds, the moments since 1970.

    Attributes
    ----------
    started_at, began_at, ended_at : float
        When the function ran, when all were ready, and when its last round was done.
    n_rounds : int
    phases : dict of str to float
        The seconds of each of `PHASES`.
    commands, trips : int
        Sent to the server, and how often something was sent: a pipeline is one trip.
    """

    started_at: float
    began_at: float = 0.0
    ended_at: float = 0.0
    n_rounds: int = 0
    phases: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    commands: int = 0
    trips: int = 0


class Clock:
    """Books time to phases, and counts what this process sends, from `begin` to `end`."""

    def __init__(self) -> None:
        self._spent = Spent(time.time())
        self._traffic = _Traffic()
        self._last = 0.0

    def begin(self) -> None:
        """Start: all workers are ready."""
        self._spent.began_at = time.time()
        self._traffic.commands = self._traffic.trips = 0
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        """Book the time since the last lap."""
        now = time.perf_counter()
        self._spent.phases[phase] += now - self._last
        self._last = now

    def end(self, n_rounds: int) -> Spent:
        """Return what was spent."""
        self._spent.ended_at = time.time()
        self._spent.n_rounds = n_rounds
        self._spent.commands = self._traffic.commands
        self._spent.trips = self._traffic.trips
        return self._spent


class _Traffic:
    """Counts what the Redis clients of this process send."""

    def __init__(self) -> None:
        self.commands = 0
        self.trips = 0
        send, send_packed = Connection.send_command, Connection.send_packed_command
        pack = Connection.pack_commands

        def send_one(connection: Connection, *args: Any, **kwargs: Any) -> None:
            self.commands += 1
            send(connection, *args, **kwargs)

        def pack_many(connection: Connection, commands: Iterable[Any]) -> list[bytes]:
            commands = list(commands)
            self.commands += len(commands)
            return pack(connection, commands)

        def send_all(connection: Connection, *args: Any, **kwargs: Any) -> None:
            self.trips += 1
            send_packed(connection, *args, **kwargs)

        Connection.send_command = send_one
        Connection.pack_commands = pack_many
        Connection.send_packed_command = send_all
