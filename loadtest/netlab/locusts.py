"""Locust's master and its workers, each on a machine of its own, against one orders service."""

import os
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from loadtest.netlab.parts import ORDERS, Parts
from loadtest.results import Cell, Method
from loadtest.setting import Holding
from loadtest.shop import ROOT
from loadtest.tally import read
from loadtest.web.__main__ import LOCUSTFILE, write_world
from loadtest.world import World

MASTER, WORKERS = "locust", ("worker-1", "worker-2")
PORT = 5557
IDS, USERS = 10, 8
HOLDING = Holding.of(Cell(row="", ids=IDS, method=Method.VALIDATE), USERS)
FINISH_S = 60.0


@dataclass(frozen=True, slots=True)
class LocustRun:
    """What the master counted, and what its workers did."""

    exit_codes: tuple[int, ...]
    total_answered: int
    workers_answered: tuple[int, ...]

    @property
    def whole(self) -> bool:
        """Whether all ended well, all worked, and nothing of it was lost on the way."""
        summed = self.total_answered == sum(self.workers_answered)
        return summed and not any(self.exit_codes) and all(self.workers_answered)


def run(parts: Parts, folder: Path, seconds: int, cut: AbstractContextManager[None]) -> LocustRun:
    """Load for `seconds`, with the cut in the middle third.

    Raises:
        subprocess.TimeoutExpired: Locust did not end.
        OSError: it left no histograms.
    """
    histograms, world = folder / "histograms", folder / "world.json"
    write_world(_world(parts), world)
    master = parts.network.address(MASTER)
    common = ("--world", str(world), "--histograms", str(histograms), "--ids", str(IDS))
    expected = ("--expect-workers", str(len(WORKERS)))
    steady = ("-u", str(USERS), "-r", str(USERS), "-t", f"{seconds}s", *expected)
    lines = {
        MASTER: ("--master", "--headless", "--master-bind-host", master, *steady),
        **dict.fromkeys(WORKERS, ("--worker", "--master-host", master)),
    }
    processes = [_started(parts, name, folder, *common, *more) for name, more in lines.items()]
    try:
        time.sleep(seconds / 2)
        with cut:
            time.sleep(seconds / 4)
        codes = tuple(process.wait(FINISH_S) for process in processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return LocustRun(codes, *_answered(histograms))


def _answered(histograms: Path) -> tuple[int, tuple[int, ...]]:
    """Calls answered: by the master's total, and by each worker's own file."""
    found = {
        path.name: sum(part.answered for part in read(path.read_text("utf-8")).values())
        for path in histograms.iterdir()
    }
    total = found.pop("total.json")
    return total, tuple(found.values())


def _world(parts: Parts) -> World:
    return World(
        run_id=f"netlab-{time.time_ns()}",
        orders_target=parts.orders_target(ORDERS[0]),
        products_target=parts.products_target,
        pids={},
        customers={HOLDING.name: tuple(map(parts.token, HOLDING.subjects))},
    )


def _started(parts: Parts, machine: str, folder: Path, *more: str) -> "subprocess.Popen[bytes]":
    argv = (sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *more)
    with (folder / f"{machine}.log").open("wb") as log:
        return subprocess.Popen(
            parts.network.command(machine, argv),
            cwd=ROOT,
            env={**os.environ, "PYTHONWARNINGS": ""},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
