"""The same users in Locust's own page and command line."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from waybill.strategy import Strategy

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.e2e


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "loadtest.web", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_strategies_are_named_rows_and_none_fails() -> None:
    users = str(len(Strategy) + 1)
    command = ("--headless", "-u", users, "-r", users, "-t", "2s", "--rate", "5")
    output, _ = start(*command).communicate(timeout=50)
    for strategy in Strategy:
        assert re.search(rf"PlaceOrder\(validate_only\)\s+{strategy}\s+\d+\s+0\(", output), output
    assert re.search(r"Health/Check\s+floor\s+\d+\s+0\(", output), output


def test_the_page_opens_on_the_printed_address_and_ctrl_c_ends_all() -> None:
    with start() as process:
        assert process.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
        assert address is not None
        page = fetched(address[0])
        os.killpg(process.pid, signal.SIGINT)  # to all of the group, as a terminal does
        process.communicate(timeout=30)
    assert "Locust" in page
    assert "MetadataJwtUser" in page
    assert process.returncode == 0


def fetched(address: str) -> str:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
