"""Runs the commands of docs/client.md; as a program, writes what they print into the page.

`python -m tests.e2e.client_page` refreshes the page.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from client.exits import MEANINGS
from loadtest.shop import ROOT, Shop

PAGE = ROOT / "docs/client.md"
BLOCK = re.compile(r"```console\n\$ (?P<command>[^\n]*)\n(?P<output>.*?)```", re.DOTALL)
CODES = re.compile(r"(\| Exit code \| Means \|\n\|---\|---\|\n)(?:\|.*\n)*")
PLACEHOLDERS = (
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"in (?:5 min|4 min \d+ s|4 min)"), "SOON"),
    (re.compile(r" +$", re.MULTILINE), ""),
)
"""What differs from run to run."""


def environ_of(shop: Shop) -> dict[str, str]:
    """The environment in which the page's commands find `shop`."""
    targets = {"WAYBILL_PRODUCTS": shop.products_target, "WAYBILL_ORDERS": shop.orders_target}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, **shop.environ, **targets, "PATH": path}


def rendered(page: str, shop: Shop) -> str:
    """The page with what its commands print now, and the exit codes as they are."""
    environ = environ_of(shop)
    page = BLOCK.sub(lambda m: _block(m["command"], _run(m["command"], environ, shop)), page)
    rows = "".join(f"| {code} | {meaning} |\n" for code, meaning in MEANINGS.items())
    return CODES.sub(lambda m: m[1] + rows, page)


def comparable(text: str) -> str:
    """The page without what differs from run to run."""
    for pattern, placeholder in PLACEHOLDERS:
        text = pattern.sub(placeholder, text)
    return text


def _block(command: str, output: str) -> str:
    return f"```console\n$ {command}\n{output}```"


def _run(command: str, environ: Mapping[str, str], shop: Shop) -> str:
    """What a reader would see; the shop's places as they are by default."""
    ran = subprocess.run(
        ["bash", "-c", command],
        env=environ,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        check=False,
    )
    text = ran.stdout.replace(str(shop.home), "~/.local/state/waybill")
    text = text.replace(shop.products_target, "127.0.0.1:50051")
    return text.replace(shop.orders_target, "127.0.0.1:50052")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, Shop(Path(folder)) as running:
        PAGE.write_text(rendered(PAGE.read_text("utf-8"), running), "utf-8")
