"""Holds the contracts to what they promise: `python -m tools.contracts check` or `draw`.

- the register `protos/contracts.toml` says what the code and the settings say;
- `buf lint` and `buf breaking` find nothing: the latter against the last release tag (`v` and a
  version), and before the first release against where this branch left `main`;
- `docs/contracts.md` shows the register. `draw` draws it first.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools import contracts_page
from tools.contracts_code import problems
from tools.contracts_page import ROOT
from waybill.register import FILE_NAME, BadRegister, Register, read

BUF = Path(sys.executable).with_name("buf")
CONTRACT_FILES = ("buf.yaml", "protos")


@dataclass(frozen=True, slots=True)
class Base:
    """What contracts are compared with: a commit, and what it is."""

    commit: str
    name: str


def main(arguments: Sequence[str]) -> int:
    """Run what `arguments` ask for; the exit code."""
    if arguments not in (["check"], ["draw"]):
        print("usage: python -m tools.contracts check|draw", file=sys.stderr)
        return 2
    try:
        register = read(ROOT / "protos" / FILE_NAME)
    except BadRegister as bad:
        print(bad, file=sys.stderr)
        return 1
    if arguments == ["draw"]:
        page = contracts_page.PAGE
        page.write_text(contracts_page.drawn(page.read_text(), register))
    found = [*problems(register), *_stale(register), *lint(ROOT), *breaking(ROOT)]
    for problem in found:
        print(problem, file=sys.stderr)
    print(f"contracts: {len(register.states)} states, {len(register.calls)} calls; ", end="")
    print(f"{len(found)} problems" if found else "they hold")
    return 1 if found else 0


def lint(root: Path) -> Iterator[str]:
    """What `buf lint` finds in the contracts of `root`."""
    yield from _buf(root, "lint")


def breaking(root: Path) -> Iterator[str]:
    """What the contracts of `root` break that was promised at its base."""
    base = base_of(root)
    if base is None:
        print("buf breaking: no release tag and no main to compare with; nothing is compared")
        return
    print(f"buf breaking: against {base.name}")
    with tempfile.TemporaryDirectory() as folder:
        _extract(root, base.commit, Path(folder))
        yield from _buf(root, "breaking", "--against", folder)


def base_of(root: Path) -> Base | None:
    """The last release in the history of `root`, else where its branch left main, else nothing."""
    if tag := _git(root, "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"):
        return Base(tag, f"release {tag}")
    for branch in ("main", "origin/main"):
        if commit := _git(root, "merge-base", "HEAD", branch):
            return Base(commit, f"{branch} at {commit[:12]}, as there is no release tag yet")
    return None


def _stale(register: Register) -> Iterator[str]:
    page = contracts_page.PAGE.read_text("utf-8")
    if contracts_page.drawn(page, register) != page:
        yield f"docs/{contracts_page.PAGE.name} shows another register: run `make contracts`"


def _extract(root: Path, commit: str, folder: Path) -> None:
    archive = subprocess.run(
        ["git", "archive", commit, *CONTRACT_FILES], cwd=root, check=True, capture_output=True
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")


def _buf(root: Path, *arguments: str) -> Iterator[str]:
    done = subprocess.run([BUF, *arguments], cwd=root, check=False, capture_output=True, text=True)
    if done.returncode:
        yield from (done.stdout + done.stderr).strip().splitlines()


def _git(root: Path, *arguments: str) -> str:
    """The first line that git answers; empty where it has no answer."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, check=False, capture_output=True, text=True
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
