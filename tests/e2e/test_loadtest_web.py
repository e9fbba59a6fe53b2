"""The same users in Locust's own page and command line."""

import json
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

ROW = re.compile(
    r"^(?P<call>Plac\S+|Health\S+)\s+(?P<name>\S+)\s+(?P<count>\d+)\s+(?P<failed>\d+)\(",
    re.MULTILINE,
)

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
    calls = {f"PlaceOrder(validate_only) {strategy}" for strategy in Strategy}
    calls.add("Health/Check floor")
    with start("--headless", "-u", users, "-r", users, "--rate", "5") as process:
        assert process.stdout is not None
        output = ""
        while not calls <= answered(output):  # however long users take to begin
            line = process.stdout.readline()
            assert line, output
            output += line
        os.killpg(process.pid, signal.SIGINT)
        last, _ = process.communicate(timeout=30)
    rows = {f"{row['call']} {row['name']}": row["failed"] for row in ROW.finditer(last)}
    assert rows == dict.fromkeys(calls, "0"), last


def answered(output: str) -> set[str]:
    """The rows of Locust's table that have calls."""
    return {f"{row['call']} {row['name']}" for row in ROW.finditer(output) if row["count"] != "0"}


def test_the_page_opens_on_the_printed_address_and_ctrl_c_ends_all() -> None:
    with start() as process:
        assert process.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
        assert address is not None
        page = fetched(address[0])
        stats = json.loads(fetched(f"{address[0]}stats/requests"))
        report = status(f"{address[0]}waybill/report")
        os.killpg(process.pid, signal.SIGINT)  # to all of the group, as a terminal does
        process.communicate(timeout=30)
    assert "Locust" in page
    assert "MetadataJwtUser" in page
    assert "SaturationShape" in page
    assert '"title": "Microseconds"' in page
    assert 'href="/waybill/report"' in page
    tabs = {table["key"]: table["data"] for table in stats["extended_stats"]}
    assert tabs["waybill-report"][0]["address"] == "/waybill/report"
    assert tabs["waybill-microseconds"] == []  # nothing was started yet
    assert report in {200, 404}
    assert process.returncode == 0


def test_a_shape_can_be_chosen_without_the_page() -> None:
    output, _ = start(
        *("--headless", "-u", "5", "--rate", "5", "--step-users", "5", "--step-s", "2"),
        *("--load-shape", "saturation"),
    ).communicate(timeout=120)
    assert "Shape test updating to 5 users" in output
    assert re.search(r"Health/Check\s+floor\s+\d+\s+0\(", output), output


def test_figures_of_the_page_are_microseconds_by_strategy() -> None:
    users = str(len(Strategy) + 1)
    with start("--autostart", "-u", users, "-r", users, "--rate", "20") as process:
        assert process.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
        assert address is not None
        try:
            data = microseconds(address[0])
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=30)
    assert {row["name"] for row in data} == {"floor", *Strategy}
    for row in data:
        assert row["p50"] <= row["p99_9"]
        assert row["p50"] > 50  # no call takes less, and milliseconds would be less


def microseconds(address: str) -> list[dict[str, int]]:
    """The table, once all strategies have answered."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        stats = json.loads(fetched(f"{address}stats/requests"))
        tabs = {table["key"]: table["data"] for table in stats["extended_stats"]}
        data: list[dict[str, int]] = tabs["waybill-microseconds"]
        if len(data) == len(Strategy) + 1 and all(row["ok"] for row in data):
            return data
        time.sleep(0.5)
    raise AssertionError("not all strategies have answered")


def status(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


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
