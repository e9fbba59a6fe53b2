"""Measures one replica: its bootstrap, how fast it takes changes, and its lag at steady rates.

The follower is the product's own process (`python -m orders_svc follow`). The copy is watched from
this process as an orders worker would read it, every few milliseconds.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import IO, Any

from client.dev_issuer import DevIssuer
from loadtest.cpu import process_cpu_s
from loadtest.memory import resident_bytes
from loadtest.scale.record import Lag, Replica
from loadtest.scale.source import RESUMED, Plan
from loadtest.shop import ROOT, inherited_environ
from mesh.launcher import stop
from orders_svc.replica.environments import FolderEnvironment
from orders_svc.replica.reader import ReplicaReader
from orders_svc.replica.status import Trust

LOOK_S = 0.002
"""How often the copy is looked at; the lag is known to no better than this."""
GIVE_UP_S = 900.0
STOP_S = 10.0
END_MARGIN_S = 0.1
"""So that what is not sent any more does not count as lacking."""
LAG_BOUND_S = 30.0
MAP_BYTES = 8 << 30


class MeasureFailed(RuntimeError):
    """The source or the follower ended, or nothing came of them in time."""


@dataclass(frozen=True, slots=True)
class Told:
    """Reads what the source says, and answers it."""

    process: "subprocess.Popen[str]"

    def next(self, what: str) -> dict[str, Any]:
        """The next line that says `what`.

        Raises:
            MeasureFailed: the source ended, or the follower lost its stream.
        """
        assert self.process.stdout is not None, "started with a pipe"
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if said["what"] == what:
                return said
            if said["what"] == RESUMED:
                raise MeasureFailed("the follower lost its stream: is the machine too busy?")
        raise MeasureFailed("the source of changes ended")

    def go(self) -> None:
        """Let it begin its paced changes."""
        assert self.process.stdin is not None, "started with a pipe"
        print("go", file=self.process.stdin, flush=True)


def measure(plan: Plan, folder: Path) -> Replica:
    """Bring one replica up from `plan`, below `folder`, which must exist.

    Raises:
        MeasureFailed: see there.
    """
    replica = folder / "replica"
    with _source(plan) as source:
        port = source.next("ready")["port"]
        with _follower(folder, replica, port) as follower:
            environment = FolderEnvironment(replica)
            try:
                return _observed(plan, source, follower, environment, replica)
            finally:
                environment.close()


def _observed(
    plan: Plan,
    source: Told,
    follower: "subprocess.Popen[bytes]",
    environment: FolderEnvironment,
    replica: Path,
) -> Replica:
    reader = ReplicaReader(environment, Trust(LAG_BOUND_S))
    began = source.next("snapshot")["at"]
    cpu_before = process_cpu_s(follower.pid)
    ready_at = _reached(reader, plan.grants, follower)
    cpu_ready = process_cpu_s(follower.pid)
    size, resident = _file_bytes(replica), resident_bytes({"follower": [follower.pid]})["follower"]
    burst = source.next("burst")
    applied_at = _reached(reader, burst["revision"], follower)
    cpu_applied = process_cpu_s(follower.pid)
    source.go()
    return Replica(
        grants=plan.grants,
        bootstrap_s=ready_at - began,
        bootstrap_cpu_s=cpu_ready - cpu_before,
        file_bytes=size,
        resident_bytes=resident,
        burst_changes=burst["changes"],
        burst_s=applied_at - max(burst["at"], ready_at),
        burst_cpu_s=cpu_applied - cpu_ready,
        lags=tuple(_lag(reader, source, follower, plan.seconds_each) for _ in plan.rates_per_s),
    )


def _reached(reader: ReplicaReader, revision: int, follower: "subprocess.Popen[bytes]") -> float:
    """When the copy was first seen at `revision` and usable, in seconds since the Unix epoch."""
    give_up_at = time.monotonic() + GIVE_UP_S
    while True:
        status = reader.status()
        if status.revision >= revision and status.problem is None:
            return time.time()
        if status.problem is not None:
            _look_again(reader)
        if follower.poll() is not None:
            raise MeasureFailed(f"the follower ended with {follower.returncode}")
        if time.monotonic() > give_up_at:
            raise MeasureFailed(f"the copy did not come to revision {revision}: {status}")
        time.sleep(LOOK_S)


def _look_again(reader: ReplicaReader) -> None:
    """Let a reader that began before the files were there find them."""
    reader._environments.refresh()


def _lag(
    reader: ReplicaReader,
    source: Told,
    follower: "subprocess.Popen[bytes]",
    seconds: float,
) -> Lag:
    """The age of the oldest change that the copy lacks, sampled while changes come at one rate.

    A change counts as lacking from the moment at which it was due; what the copy has is known by
    its revision, and when that was due follows from the rate.
    """
    begun = source.next("rate")
    rate, began = begun["per_s"], begun["at"]
    cpu_before, first = process_cpu_s(follower.pid), reader.revision
    ages: list[float] = []
    ends_at = began + seconds - END_MARGIN_S
    while (now := time.time()) < ends_at:
        has = reader.revision - first
        ages.append(max(0.0, now - (began + (has + 1) / rate)) * 1e3)
        time.sleep(LOOK_S)
    cpu_s = process_cpu_s(follower.pid) - cpu_before
    done = source.next("rate_done")
    cuts = quantiles(ages, n=100)
    return Lag(
        rate_per_s=rate,
        changes=done["changes"],
        p50_ms=cuts[49],
        p99_ms=cuts[98],
        max_ms=max(ages),
        cpu_share=cpu_s / (time.time() - began),
    )


def _file_bytes(replica: Path) -> int:
    """Blocks of the data file that hold something; LMDB's file may have holes."""
    return (replica / "data.mdb").stat().st_blocks * 512


@contextmanager
def _source(plan: Plan) -> Iterator[Told]:
    arguments = [
        *(sys.executable, "-m", "loadtest.scale.source", "--subjects", str(plan.subjects)),
        *("--grants-each", str(plan.grants_each), "--burst", str(plan.burst)),
        *("--seconds-each", str(plan.seconds_each)),
        *("--rates", *map(str, plan.rates_per_s)),
    ]
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=inherited_environ(os.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield Told(process)
    finally:
        _end(process)


@contextmanager
def _follower(folder: Path, replica: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    issuer = DevIssuer(folder)
    issuer.ready()
    token = folder / "service-token"
    token.write_text(issuer.token("orders", ["service"], 24 * 3600), encoding="ascii")
    settings = {
        "ORDERS_PRODUCTS_TARGET": f"127.0.0.1:{port}",
        "ORDERS_REPLICA_PATH": str(replica),
        "ORDERS_REPLICA_MAP_BYTES": str(MAP_BYTES),
        "ORDERS_REPLICA_LAG_BOUND_S": str(LAG_BOUND_S),
        "ORDERS_SERVICE_TOKEN_FILE": str(token),
        "ORDERS_USER_KEYS": str(issuer.public_keys),
        "ORDERS_STATE_KEYS": str(issuer.public_keys),
        "XDG_STATE_HOME": str(folder),
        "ORDERS_LOG_LEVEL": "warning",
    }
    with _log(folder) as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "orders_svc", "follow"],
            cwd=ROOT,
            env={**inherited_environ(os.environ), **settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


@contextmanager
def _log(folder: Path) -> Iterator[IO[bytes]]:
    with (folder / "follower.log").open("wb") as log:
        yield log


def _end(process: "subprocess.Popen[Any]") -> None:
    stop(process, STOP_S)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def plans(sizes: Sequence[int], rates_per_s: Sequence[int], seconds_each: float) -> list[Plan]:
    """One for each number of grants, with 10,000 grants a subject where there are as many."""
    found = []
    for size in sorted(sizes):
        each = min(10_000, size)
        found.append(Plan(max(1, size // each), each, 100_000, tuple(rates_per_s), seconds_each))
    return found
