"""The table of what must be refused has a test behind each of its rows, and lacks no reason."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache

import pytest

from tests import refusals
from tests.contract.cases import CASES
from tests.refusals import PAGE, ROWS, Row
from tests.unit.jwt_reject_rows import INVALID_ROWS as TOKENS
from tests.unit.test_envelope_rejects import INVALID_ROWS as ENVELOPES
from tests.unit.test_page_proof_rejects import FORGERIES
from waybill import errors
from waybill.status import code_of

TESTS = PAGE.parents[1] / "tests"
NAMES: dict[str, Iterable[str]] = {
    "unit/test_jwt_rejects.py": TOKENS,
    "unit/test_envelope_rejects.py": ENVELOPES,
    "unit/test_page_proof_rejects.py": FORGERIES,
    "contract/test_strategies.py": CASES,
}
"""The cases of files that have a table of them."""


def kinds(
    parent: type[errors.WaybillError] = errors.WaybillError,
) -> Iterator[type[errors.WaybillError]]:
    for kind in parent.__subclasses__():
        if "reason" in vars(kind) and kind.__module__ == errors.__name__:
            yield kind
        yield from kinds(kind)


KINDS: dict[str, type[errors.WaybillError]] = {kind.reason: kind for kind in kinds()}
IDS = [f"{row.who}: {row.what[:40]}" for row in ROWS]


@cache
def functions(file: str) -> dict[str, str]:
    """The source of each test in a file, and of the file under its own name."""
    text = (TESTS / file).read_text("utf-8")
    found = {"": text}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = ast.get_source_segment(text, node) or ""
    return found


def test_the_page_shows_the_table() -> None:
    page = PAGE.read_text("utf-8")
    assert refusals.drawn(page) == page, "run `python -m tests.refusals`"


def test_no_reason_is_left_out() -> None:
    assert {row.reason for row in ROWS} - {""} == KINDS.keys()


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_the_code_is_that_of_the_reason(row: Row) -> None:
    if row.reason:
        kind = KINDS[row.reason]
        assert row.code == code_of(kind.__new__(kind)).name


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_each_row_has_tests_that_speak_of_its_refusal(row: Row) -> None:
    assert row.tests
    for test in row.tests:
        file, _, name = test.partition("::")
        assert name in functions(file), test
    wanted = [row.reason, KINDS[row.reason].__name__] if row.reason else [row.code]
    sources = [functions(test.partition("::")[0])[""] for test in row.tests]
    if not row.cases:
        assert any(word in source for source in sources for word in wanted)


@pytest.mark.parametrize("row", [row for row in ROWS if row.cases], ids=lambda row: row.what[:40])
def test_each_case_is_in_the_table_of_its_tests(row: Row) -> None:
    tables = [NAMES[file] for test in row.tests if (file := test.partition("::")[0]) in NAMES]
    for case in row.cases:
        assert any(name.startswith(case) for table in tables for name in table), case


@pytest.mark.parametrize(
    "row", [row for row in ROWS if refusals.CASE in row.tests], ids=lambda row: row.what[:40]
)
def test_each_case_of_all_strategies_expects_that_refusal(row: Row) -> None:
    for case in row.cases:
        expected = CASES[case].expected
        assert (expected.code.name, expected.reason) == (row.code, row.reason)
