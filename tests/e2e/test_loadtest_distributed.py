"""One master and two workers in processes of their own: nothing is lost or counted twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.setting import lab_shop, world_of
from loadtest.shop import ROOT
from loadtest.tally import Part, read
from loadtest.web.__main__ import HOLDINGS, LOCUSTFILE, write_world
from mesh.launcher import free_port
from tests.unit.loadtest_buckets import buckets
from waybill.strategy import Strategy

pytestmark = pytest.mark.e2e

HISTOGRAMS = ("latency", "service_time", "refused_latency", "send_lag")


def locust(world: Path, port: int, histograms: Path, *more: str) -> "subprocess.Popen[bytes]":
    command = [
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--world", str(world)),
        *("--histograms", str(histograms), "--ids", "10", "--rate", "10", "--place"),
        *more,
    ]
    ports = ("--master-bind-port" if "--master" in more else "--master-port", str(port))
    return subprocess.Popen([*command, *ports], cwd=ROOT, env=os.environ | {"PYTHONWARNINGS": ""})


def test_the_total_equals_the_sum_of_the_workers(tmp_path: Path) -> None:
    histograms = tmp_path / "histograms"
    world, port = tmp_path / "world.json", free_port()
    with lab_shop(tmp_path, HOLDINGS, seed=1) as shop:
        write_world(world_of(shop, "distributed", HOLDINGS), world)
        users = ("-u", "10", "-r", "10", "-t", "3s", "--expect-workers", "2")
        processes = [
            locust(world, port, histograms, "--master", "--headless", *users),
            locust(world, port, histograms, "--worker"),
            locust(world, port, histograms, "--worker"),
        ]
        try:
            codes = [process.wait(60) for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.wait()
    assert codes == [0, 0, 0]
    total = read((histograms / "total.json").read_text())
    workers = [read(path.read_text()) for path in histograms.iterdir() if path.name != "total.json"]
    assert len(workers) == 2
    assert set(total) == {"floor", *Strategy}
    for row, part in total.items():
        _equals_the_sum(part, [worker[row] for worker in workers if row in worker])
    assert all(sum(part.answered for part in worker.values()) > 20 for worker in workers)


def _equals_the_sum(total: Part, parts: list[Part]) -> None:
    assert total.ok == sum(part.ok for part in parts) > 0
    assert total.answered == sum(part.answered for part in parts)
    assert not total.refused  # orders of two generators are never taken for repeated ones
    for name in HISTOGRAMS:
        expected = sum((buckets(getattr(part, name)) for part in parts), start=buckets(""))
        assert buckets(getattr(total, name)) == expected
