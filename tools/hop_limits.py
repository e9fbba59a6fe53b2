"""Generates `waybill/hop_limits.py` from `mesh/limits.json`, and checks that it is up to date.

`python -m tools.hop_limits generate` writes it; `check` exits with 1 if it differs. The library
has this table of its own, so that it needs neither the hops nor a file beside it.
"""

import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from mesh.known import DIRECTIONS, LIMITS_FILE, HeaderLimits, KnownLimits, LimitsFile

TABLE = Path(__file__).parent.parent / "waybill/hop_limits.py"
HEAD = '''\
"""Generated from mesh/limits.json by tools/hop_limits.py. Never edited."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from waybill.header_limits import HeaderLimits, HopLimits, Role

MEASURED_AT: Final = "{measured_at}"

HOPS: Final[Mapping[str, HopLimits]] = MappingProxyType(
    {{
'''
TAIL = "    }\n)\n"


def source(limits: LimitsFile) -> str:
    """The table's module, formatted as the rest of the code is."""
    head = HEAD.format(measured_at=limits.measured_at)
    entries = (line for name, known in limits.subjects.items() for line in _hop(name, known))
    return head + "".join(f"{' ' * 8}{line}\n" for line in entries) + TAIL


def _hop(name: str, known: KnownLimits) -> Iterator[str]:
    yield f"{_quoted(name)}: HopLimits("
    yield f"    version={_quoted(known.version)},"
    yield f"    role=Role.{known.role.upper()},"
    for direction in DIRECTIONS:
        if direction in known.directions:
            yield from _header(direction, known.directions[direction])
    yield "),"


def _header(direction: str, limits: HeaderLimits) -> Iterator[str]:
    values = ((each.name, getattr(limits, each.name)) for each in fields(limits))
    yield f"    {direction}=HeaderLimits("
    yield from (f"        {name}={value}," for name, value in values if value is not None)
    yield "    ),"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main(arguments: list[str]) -> int:
    """Run `generate` or `check`; returns the exit code."""
    if arguments not in (["generate"], ["check"]):
        print("usage: python -m tools.hop_limits generate|check", file=sys.stderr)
        return 2
    fresh = source(LimitsFile.from_text(LIMITS_FILE.read_text("utf-8")))
    if arguments == ["generate"]:
        TABLE.write_text(fresh, "utf-8")
        return 0
    if TABLE.read_text("utf-8") == fresh:
        return 0
    print(f"differs from {LIMITS_FILE.name}: {TABLE.name}", file=sys.stderr)
    print("run `make hop-limits` and commit the result", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
