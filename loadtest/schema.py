"""The record's JSON Schema, and the table of its fields in docs/results.md, from the models.

python -m loadtest.schema          writes both
python -m loadtest.schema --check  fails where they are out of date
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.results import Run

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = Path("docs") / "schema" / "waybill-compare-3.json"
FIELDS = Path("docs") / "results.md"
_BEGIN, _END = "<!-- fields: made by python -m loadtest.schema -->", "<!-- end of fields -->"

Json = Mapping[str, Any]


def schema() -> dict[str, Any]:
    """The schema of a record: what `load_run` accepts, older records of the format included."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:waybill:compare:3",
        "title": "waybill-compare/3",
    }
    made = Run.model_json_schema()
    del made["title"]
    return {**head, **made}


def schema_text() -> str:
    """The schema as its file has it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def fields_text(made: Json) -> str:
    """One table for each object of the record, outermost first."""
    parts = []
    for name in _objects(made):
        about = made if name == made["title"] else made["$defs"][name]
        rows = [_row(field, of, made["$defs"]) for field, of in about["properties"].items()]
        table = ["| Field | Type | Meaning |", "|---|---|---|", *rows]
        parts.append("\n".join([f"### {name}", "", _line(about["description"]), "", *table]))
    return "\n\n".join(parts)


def _objects(made: Json) -> Iterator[str]:
    yield made["title"]
    waiting = list(_named(made["properties"]))
    seen: set[str] = set()
    while waiting:
        name = waiting.pop(0)
        about = made["$defs"][name]
        if name not in seen and "properties" in about:
            seen.add(name)
            yield name
            waiting += _named(about["properties"])


def _named(value: Any) -> Iterator[str]:
    """Names of all definitions that `value` refers to."""
    if isinstance(value, Mapping):
        if "$ref" in value:
            yield _target(value)
        for each in value.values():
            yield from _named(each)
    elif isinstance(value, list):
        for each in value:
            yield from _named(each)


def _row(field: str, of: Json, defs: Json) -> str:
    target = defs.get(_target(of), {})
    meaning = of.get("description") or target.get("description", "")
    return f"| `{field}` | {_type(of, defs)} | {_line(meaning)} |"


def _target(of: Json) -> str:
    return str(of.get("$ref", "").rpartition("/")[2])


def _type(of: Json, defs: Json) -> str:
    if "$ref" in of:
        values = defs[_target(of)].get("enum")
        return ", ".join(f"`{value}`" for value in values) if values else _target(of)
    if "anyOf" in of:
        return " or ".join(_type(each, defs) for each in of["anyOf"])
    if "const" in of:
        return f"`{of['const']}`"
    if of["type"] == "array":
        return f"list of {_type(of['items'], defs)}"
    if of["type"] == "object":
        return f"object of {_type(of['additionalProperties'], defs)}"
    return str(of["type"])


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def page_text(page: str, made: Json) -> str:
    """The page with its tables of fields made anew.

    Raises:
        ValueError: the page lacks the marks between which they go.
    """
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"the page lacks {_BEGIN} or {_END}")
    return f"{before}{_BEGIN}\n\n{fields_text(made)}\n\n{_END}{after}"


def files(root: Path = ROOT) -> dict[Path, str]:
    """What both files should hold."""
    page = (root / FIELDS).read_text(encoding="utf-8")
    return {root / SCHEMA: schema_text(), root / FIELDS: page_text(page, schema())}


def stale(root: Path = ROOT) -> list[Path]:
    """The files that are out of date."""
    wanted = files(root).items()
    return [p for p, text in wanted if not p.exists() or p.read_text(encoding="utf-8") != text]


def main(argv: Sequence[str] | None = None) -> int:
    """Write or check; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.schema")
    parser.add_argument("--check", action="store_true", help="write nothing, fail where it differs")
    options = parser.parse_args(argv)
    found = stale()
    for path in found:
        print(f"out of date: {path.relative_to(ROOT)}")
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files()[path], encoding="utf-8")
    return 1 if found and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
