"""Catalogues in files: products as JSON lines, grants as CSV. Read and written line by line.

A line is held to the rules that the service's own messages have (`protos/rules.toml`), so that
nothing comes in by file that could not come in by call.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from google.protobuf.message import Message

from products_svc.catalogue.rows import ImportProblem, Located
from products_svc.store.values import Product, WantedGrant
from shop.products.v1 import products_pb2 as pb
from waybill.errors import InvalidRequest
from waybill.serving.rules import RuleTable
from waybill.strict_json import parse_object

MAX_LINE_BYTES = 65_536

PRODUCT_FIELDS = {"product_id": str, "display_name": str, "unit_price_micros": int}
GRANT_COLUMNS = ("subject", "product_id", "max_quantity", "unit_price_micros")


def read_products(path: Path, rules: RuleTable) -> Iterator[Located[Product]]:
    """The products of a file of JSON lines; blank lines count for nothing.

    Raises:
        ImportProblem: the file cannot be read, or a line is wrong.
    """
    for where, line in _lines(path):
        if line.strip():
            fields = _product_fields(where, line)
            _check(where, pb.Product, fields, rules)
            yield Located(where, Product(**fields))


def read_grants(path: Path, rules: RuleTable) -> Iterator[Located[WantedGrant]]:
    """The grants of a CSV file of `subject,product_id[,max_quantity[,unit_price_micros]]`.

    A first line with these names is a header. An empty or missing quantity means no maximum, an
    empty or missing price the catalogue's.

    Raises:
        ImportProblem: the file cannot be read, or a line is wrong.
    """
    for where, values in _rows(path):
        fields = _grant_fields(where, values)
        asked = {name: value for name, value in fields.items() if name != "product_id"}
        _check(where, pb.GrantAccessRequest, asked | {"product_ids": [values[1]]}, rules)
        yield Located(where, WantedGrant(**fields))


def write_products(file: TextIO, products: Iterable[Product]) -> None:
    """Write what `read_products` reads."""
    for product in products:
        fields = {name: getattr(product, name) for name in PRODUCT_FIELDS}
        file.write(json.dumps(fields, ensure_ascii=False) + "\n")


def write_grants(file: TextIO, grants: Iterable[WantedGrant]) -> None:
    """Write what `read_grants` reads, with a header."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(GRANT_COLUMNS)
    for grant in grants:
        price = "" if grant.unit_price_micros is None else grant.unit_price_micros
        writer.writerow((grant.subject, grant.product_id, grant.max_quantity, price))


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Each line with its place. A byte order mark at the start is dropped."""
    try:
        with path.open("rb") as file:
            lines = iter(lambda: file.readline(MAX_LINE_BYTES + 1), b"")
            for number, line in enumerate(lines, 1):
                where = f"{path.name}:{number}"
                yield where, _decoded(where, line, "utf-8-sig" if number == 1 else "utf-8")
    except OSError as error:
        raise ImportProblem(path.name, f"cannot be read: {error.strerror}") from error


def _decoded(where: str, line: bytes, encoding: str) -> str:
    if len(line) > MAX_LINE_BYTES:
        raise ImportProblem(where, f"the line is over {MAX_LINE_BYTES} bytes; put one row on each")
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        raise ImportProblem(where, "the line is not UTF-8; save the file as UTF-8") from None


def _product_fields(where: str, line: str) -> dict[str, Any]:
    try:
        fields = parse_object(line.encode())
    except ValueError as error:
        raise ImportProblem(where, f"{error}; write one JSON object a line") from None
    if problem := _field_problem(fields):
        raise ImportProblem(where, f"{problem}; write {', '.join(PRODUCT_FIELDS)}")
    return fields


def _field_problem(fields: Mapping[str, Any]) -> str:
    """What is wrong with the names or types of a product's fields; empty if nothing."""
    if missing := PRODUCT_FIELDS.keys() - fields.keys():
        return f"lacks {', '.join(sorted(missing))}"
    if unknown := fields.keys() - PRODUCT_FIELDS.keys():
        return f"has unknown {', '.join(map(repr, sorted(unknown)))}"
    wrong = [name for name, wanted in PRODUCT_FIELDS.items() if type(fields[name]) is not wanted]
    return f"{wrong[0]} is of the wrong type" if wrong else ""


def _rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Each row of a CSV file with its place, without header and blank lines."""
    where = path.name

    def texts() -> Iterator[str]:
        nonlocal where
        for where, text in _lines(path):  # noqa: B007 -- read below, where a row ends
            yield text

    rows = csv.reader(texts(), strict=True)
    try:
        for index, values in enumerate(rows):
            header = index == 0 and tuple(values) == GRANT_COLUMNS[: len(values)]
            if values and not header:
                yield where, values
    except csv.Error as error:
        raise ImportProblem(where, f"is no line of CSV ({error}); check its quotes") from None


def _grant_fields(where: str, values: list[str]) -> dict[str, Any]:
    if not 2 <= len(values) <= len(GRANT_COLUMNS):
        wanted = "subject,product_id[,max_quantity[,unit_price_micros]]"
        raise ImportProblem(where, f"has {len(values)} values; write {wanted}")
    fields: dict[str, Any] = {"subject": values[0], "product_id": values[1]}
    for name, text in zip(GRANT_COLUMNS[2:], values[2:], strict=False):
        if text and not (text.isascii() and text.isdecimal()):
            raise ImportProblem(where, f"{name} is no whole number; write digits, or nothing")
        if text:
            fields[name] = int(text)
    return fields


def _check(where: str, message: type[Message], fields: Mapping[str, Any], rules: RuleTable) -> None:
    """Holds the fields to the rules of `message`.

    Raises:
        ImportProblem: naming the fields as the file does.
    """
    try:
        rules.check(message(**fields))
    except InvalidRequest as refusal:
        texts = [
            f"{path.replace('product_ids[0]', 'product_id')} {text}"
            for path, text in refusal.violations.items()
        ]
        raise ImportProblem(where, f"{'; '.join(texts)}; correct the line") from None
    except (ValueError, TypeError):  # a number that the field cannot even hold, or half a character
        raise ImportProblem(where, "a value is out of range; correct the line") from None
