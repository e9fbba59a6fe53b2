"""Every recipe of docs/grpcurl.md, run with the real grpcurl straight from the page."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from loadtest.shop import Shop
from loadtest.up import variables

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/grpcurl.md").read_text()
BLOCK = re.compile(r"```sh\n(?P<script>.*?)```\n\n```output\n(?P<expected>.*?)```", re.DOTALL)


class Recipe(NamedTuple):
    script: str
    expected: list[str]


RECIPES = [Recipe(m["script"], m["expected"].splitlines()) for m in BLOCK.finditer(PAGE)]


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with Shop(tmp_path_factory.mktemp("shop")) as shop:
        tools = str(Path(sys.executable).parent)
        path = os.pathsep.join([tools, os.environ["PATH"]])
        yield {**os.environ, "PATH": path, **variables(shop)}


@pytest.mark.e2e
def test_recipes_of_the_page(environ: dict[str, str]) -> None:
    """In the order of the page: later recipes build on earlier ones."""
    printed = [run(recipe.script, environ) for recipe in RECIPES]
    missing = {
        recipe.script: (line, output)
        for recipe, output in zip(RECIPES, printed, strict=True)
        for line in recipe.expected
        if line not in output
    }
    assert missing == {}


def test_every_shell_block_states_its_output() -> None:
    assert len(RECIPES) == PAGE.count("```sh\n")


def run(script: str, environ: dict[str, str]) -> str:
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        check=False,
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
