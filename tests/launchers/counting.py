"""An algorithm that only counts rows, and does what a test asks of it on the way."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from burly.algorithms.base import Algorithm
from burly.contributions import Part, Reducer, Step, Totals
from burly.data.partition import DatasetInfo, Partition
from burly.exceptions import NonFiniteError
from burly.kernels import ThreadTeam
from burly.states import State


@dataclass(frozen=True)
class Counting(Algorithm):
    """Counts the rows in every round.

    Parameters
    ----------
    n_rounds : int
    misfortune : {"", "killed", "error", "foreign", "stuck"}
        What befalls the worker that holds shard 0, in round 2.
    folder : str
        Where workers leave a file named by their process, when they compute.
    """

    n_rounds: int = 3
    misfortune: str = ""
    folder: str = ""

    def start(self, info: DatasetInfo) -> State:
        return self._state(0, np.zeros((), np.int64))

    def scratch(self, partition: Partition, team: ThreadTeam) -> Any:
        return None

    def step(self, state: State, partition: Partition, team: ThreadTeam, scratch: Any) -> Step:
        if self.folder:
            (Path(self.folder) / str(os.getpid())).touch()
        holds_first = any(shard.ordinal == 0 for shard in partition.shards)
        if holds_first and int(state["round"]) == 1:
            self._befall()
        rows = np.array([partition.n_rows, team.n_threads], np.int64)
        return Step({"rows": Part(Reducer.SUM, rows)})

    def update(self, states: Sequence[State], totals: Totals) -> State:
        return self._state(int(states[-1]["round"]) + 1, totals["rows"])

    def outputs(
        self, state: State, partition: Partition, team: ThreadTeam, scratch: Any
    ) -> dict[str, Any]:
        shards = [np.full(len(shard.X), shard.ordinal, np.int32) for shard in partition.shards]
        return {"shard": np.concatenate(shards)}

    def _state(self, round_: int, rows: Any) -> State:
        done = round_ == self.n_rounds
        arrays = {"round": np.array(round_), "rows": rows}
        return State("counting", arrays, done=done, figures={"round": float(round_)})

    def _befall(self) -> None:
        match self.misfortune:
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "error":
                raise NonFiniteError("column 'x' has 3 values that are not finite")
            case "foreign":
                raise ZeroDivisionError("one over nothing")
            case "stuck":
                threading.Event().wait()
