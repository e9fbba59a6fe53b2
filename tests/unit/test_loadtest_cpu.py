"""The CPU time of other processes."""

import os
import subprocess
import sys
import time

import pytest

from loadtest.cpu import CpuMeter, family_cpu_s, process_cpu_s


def test_reads_what_the_process_itself_reads() -> None:
    before = time.process_time()
    mine = process_cpu_s(os.getpid())
    assert before <= mine <= time.process_time()


def test_reads_another_process() -> None:
    script = "import time; print(time.process_time(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        own = float(other.stdout.readline())
        assert process_cpu_s(other.pid) >= own
        other.communicate("\n")


def test_a_family_counts_those_that_ended_and_those_that_run() -> None:
    work = "import time\nwhile time.process_time() < 0.3: pass\n"
    script = (
        "import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', {work!r}])\n"
        f"busy = {work!r} + 'print(flush=True); input()'\n"
        "left = subprocess.Popen([sys.executable, '-c', busy], stdin=0)\n"
        "left.wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        assert family_cpu_s(parent.pid) >= process_cpu_s(parent.pid) + 0.55
        parent.communicate("\n")
    with pytest.raises(ProcessLookupError):
        family_cpu_s(parent.pid)


def test_a_process_that_is_gone_is_an_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    with pytest.raises(ProcessLookupError, match=str(gone.pid)):
        process_cpu_s(gone.pid)


def test_sums_groups_and_takes_differences() -> None:
    used = {1: 1.0, 2: 2.0, 3: 5.0}
    meter = CpuMeter({"orders": [1, 2], "products": [3]}, read=used.__getitem__)
    before = meter.read()
    assert before == {"orders": 3.0, "products": 5.0}
    used[2] = 2.5
    assert meter.since(before) == {"orders": 0.5, "products": 0.0}
