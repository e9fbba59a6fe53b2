"""The record's JSON Schema."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from loadtest.change.record import UnderChange
from loadtest.results import Run, load_run
from loadtest.schema import ROOT, SCHEMA, page_text, schema, stale
from tests.unit import report_samples


def test_schema_and_page_are_up_to_date() -> None:
    assert stale() == [], "run: python -m loadtest.schema"


@pytest.fixture
def validator() -> Any:
    text = (ROOT / SCHEMA).read_text(encoding="utf-8")
    made = jsonschema.Draft202012Validator(json.loads(text))
    made.check_schema(made.schema)
    return made


def record() -> dict[str, Any]:
    run: dict[str, Any] = json.loads(report_samples.full_run().model_dump_json())
    return run


def test_a_record_validates(validator: Any) -> None:
    assert validator.is_valid(record())


def test_a_record_without_later_fields_validates(validator: Any) -> None:
    older = record()
    for sample in older["samples"]:
        del sample["experiment"]
        del sample["cell"]["algorithm"]
        del sample["measured"]["wire"]
    for result in older["under_change"]["skew"]:
        for roll in result["rolls"]:
            del roll["way"]
    assert validator.is_valid(older)
    assert len(Run.model_validate(older).samples) == len(older["samples"])


def test_a_record_of_the_format_before_is_read(tmp_path: Path) -> None:
    older = record() | {"format": "waybill-compare/2"}
    del older["under_change"]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(older))
    expected = report_samples.full_run().model_copy(update={"under_change": UnderChange()})
    assert load_run(path) == expected


@pytest.mark.parametrize("text", ["[]", '{"format": "waybill-compare/1"}', "no JSON"])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"."):
        load_run(path)


@pytest.mark.parametrize("spoil", ["format", "extra", "count"])
def test_anything_else_does_not(validator: Any, spoil: str) -> None:
    wrong = record()
    if spoil == "format":
        wrong["format"] = "waybill-compare/4"
    elif spoil == "extra":
        wrong["more"] = 1
    else:
        wrong["samples"][0]["measured"]["observed"]["ok"] = "many"
    assert not validator.is_valid(wrong)


def test_every_field_is_described() -> None:
    made = schema()
    text = page_text(
        "<!-- fields: made by python -m loadtest.schema --><!-- end of fields -->", made
    )
    empty = [line for line in text.splitlines() if line.endswith("|  |")]
    assert empty == ["| `format` | `waybill-compare/3` |  |"]


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        page_text("nothing", schema())
