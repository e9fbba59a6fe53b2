"""docs/library.md, run from top to bottom in an empty folder as its reader would."""

import ast
import inspect
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/library.md").read_text("utf-8")
BLOCK = re.compile(r"```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL)
CONTRACT = re.compile(r"// (?P<path>\S+\.proto)")
BUILDS = "pip wheel"


class Block(NamedTuple):
    kind: str
    text: str
    line: int


BLOCKS = [
    Block(found["kind"], found["text"], PAGE[: found.start("text")].count("\n"))
    for found in BLOCK.finditer(PAGE)
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder with the page's contracts, and what it generates from them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for block in BLOCKS:
        if block.kind == "proto" and (named := CONTRACT.match(block.text)):
            path = tmp_path / named["path"]
            path.parent.mkdir(parents=True)
            path.write_text(block.text)
    for block in BLOCKS:
        if block.kind == "sh" and BUILDS not in block.text:
            shell(block.text)
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "acme"]:
        del sys.modules[name]


def shell(script: str) -> None:
    tools = str(Path(sys.executable).parent)
    path = os.pathsep.join([tools, os.environ["PATH"]])
    environ = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=environ, check=True, timeout=30)


async def test_the_page_runs_and_prints_what_it_says(folder: Path) -> None:
    names: dict[str, Any] = {}
    printed = ""
    for block in BLOCKS:
        if block.kind == "python":
            assert printed == "", f"line {block.line}: what came before printed something unsaid"
            printed = await run(block, names)
        elif block.kind == "output":
            assert printed == block.text, f"line {block.line}"
            printed = ""
    assert printed == ""


async def run(block: Block, names: dict[str, Any]) -> str:
    """What a block prints; it may await, as in `python -m asyncio`."""
    source = "\n" * block.line + block.text  # so that a traceback has the page's line
    code = compile(source, "docs/library.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    with redirect_stdout(io.StringIO()) as out:
        running = eval(code, names)
        if inspect.isawaitable(running):
            await running
    return out.getvalue()
