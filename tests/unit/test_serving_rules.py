"""The table of rules against a second reading of it, and what a table must not say."""

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from shop.orders.v1 import orders_pb2
from shop.products.v1 import products_pb2
from tests.toy import RULES
from waybill.errors import InvalidRequest
from waybill.serving.rules import MAX_VIOLATIONS, RuleTable

TABLE = RuleTable.from_toml(RULES)
SOURCE = tomllib.loads(RULES)
REQUESTS: list[type[Message]] = [
    GetMessageClass(method.input_type)
    for file in (orders_pb2.DESCRIPTOR, products_pb2.DESCRIPTOR)
    for service in file.services_by_name.values()
    for method in service.methods
]
Line = orders_pb2.OrderLine
Order = orders_pb2.PlaceOrderRequest


def violations(table: RuleTable, message: Message) -> Mapping[str, str]:
    try:
        table.check(message)
    except InvalidRequest as error:
        return error.violations
    return {}


# A second reading of the table: slow, interpreted, and written without looking at the first.


def naive_value(rules: Mapping[str, Any], value: Any) -> bool:
    """Whether a single value is fine."""
    if "type" in rules:
        rules = {**SOURCE["types"][rules["type"]], **rules}
    if value in ("", b"") or ("required" in rules and not value):
        return not rules.get("required")
    size = len(value.encode()) if isinstance(value, str) else 0
    return (
        size <= rules.get("max_bytes", size)
        and bool(re.fullmatch(rules.get("pattern", r"(?s:.*)"), value if size else ""))
        and not ("min" in rules and value < rules["min"])
        and not ("max" in rules and value > rules["max"])
    )


def naive_list(path: str, rules: Mapping[str, Any], values: Sequence[Any]) -> Iterator[str]:
    if not rules.get("min_items", 0) <= len(values) <= rules.get("max_items", len(values)):
        yield path
        return
    unique, seen = rules.get("unique"), []
    for index, value in enumerate(values):
        at = f"{path}[{index}]"
        if isinstance(value, Message):
            yield from naive(value, f"{at}.")
        elif not naive_value(rules.get("items", {}), value):
            yield at
        identity = getattr(value, unique) if isinstance(unique, str) else value
        if unique and identity in seen:
            yield f"{at}.{unique}" if isinstance(unique, str) else at
        seen.append(identity)


def naive(message: Message, path: str = "") -> Iterator[str]:
    rules = SOURCE["messages"].get(message.DESCRIPTOR.full_name, {})
    for field in message.DESCRIPTOR.fields:
        value, own = getattr(message, field.name), rules.get(field.name, {})
        if field.is_repeated:
            yield from naive_list(path + field.name, own, value)
        elif field.has_presence and not message.HasField(field.name):
            continue
        elif isinstance(value, Message):
            yield from naive(value, f"{path}{field.name}.")
        elif not naive_value(own, value):
            yield path + field.name


IDS = st.one_of(
    st.sampled_from(["", "a", "tea", "x" * 64, "x" * 65, "é" * 33, "-a", "a\n", "a b", "A.b_c-9"]),
    st.text("ab.-_/ é\0\n", max_size=5),
)
NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: st.one_of(
        st.sampled_from([0, 1, -1, 1000, 1001, 10_000, 10_001, 1_000_000, 1_000_001]),
        st.integers(-(2**31), 2**31 - 1),
    ),
    FieldDescriptor.CPPTYPE_INT64: st.one_of(
        st.sampled_from([0, -1, 10**15, 10**15 + 1]), st.integers(-(2**63), 2**63 - 1)
    ),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
}


def field_values(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.message_type:
        return messages(field.message_type)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return st.binary(max_size=4) if field.type == FieldDescriptor.TYPE_BYTES else IDS
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    return NUMBERS[field.cpp_type]


@functools.cache
def messages(descriptor: Descriptor) -> st.SearchStrategy[Message]:
    fields = {
        field.name: st.lists(field_values(field), max_size=8)
        if field.is_repeated
        else field_values(field)
        for field in descriptor.fields
    }
    return st.fixed_dictionaries({}, optional=fields).map(
        lambda values: GetMessageClass(descriptor)(**values)
    )


@pytest.mark.parametrize("request_type", REQUESTS, ids=lambda each: each.__name__)
@given(data=st.data())
def test_agrees_with_the_second_reading(request_type: type[Message], data: st.DataObject) -> None:
    message = data.draw(messages(cast("Descriptor", request_type.DESCRIPTOR)))
    found, expected = set(violations(TABLE, message)), set(naive(message))
    assert found <= expected
    assert len(found) == min(len(expected), MAX_VIOLATIONS)


def test_every_message_of_the_table_exists() -> None:
    TABLE.require_all()
    with pytest.raises(ValueError, match="Nothing"):
        RuleTable.from_toml('[messages."shop.Nothing"]\nname = { required = true }').require_all()


def test_good_requests_pass() -> None:
    lines = [Line(product_id=f"p-{n}", quantity=1) for n in range(100)]
    TABLE.check(Order(request_id="r", lines=lines, validate_only=True))


@pytest.mark.parametrize(
    ("request_", "path", "text"),
    [
        (Order(lines=[Line(product_id="a", quantity=1)]), "request_id", "is required"),
        (Order(request_id="r"), "lines", "must have at least 1 items"),
        (
            Order(request_id="r", lines=[Line(product_id="a", quantity=1)] * 101),
            "lines",
            "must have at most 100 items",
        ),
        (
            Order(request_id="r", lines=[Line(product_id="é" * 33, quantity=1)]),
            "lines[0].product_id",
            "must have at most 64 bytes",
        ),
        (
            Order(request_id="r", lines=[Line(product_id="a", quantity=1_000_001)]),
            "lines[0].quantity",
            "must be at most 1000000",
        ),
        (
            products_pb2.CheckAccessRequest(subject="s", product_ids=["a", "b", "a"]),
            "product_ids[2]",
            "must not repeat an earlier one",
        ),
        (
            products_pb2.GrantAccessRequest(subject="s", product_ids=["a"], unit_price_micros=-1),
            "unit_price_micros",
            "must be at least 0",
        ),
    ],
)
def test_says_what_a_field_must_be(request_: Message, path: str, text: str) -> None:
    assert violations(TABLE, request_) == {path: text}


def test_tells_no_more_than_fits_in_metadata() -> None:
    bad = products_pb2.CheckAccessRequest(subject="s", product_ids=["../x"] * 10_000)
    assert len(violations(TABLE, bad)) == MAX_VIOLATIONS


@pytest.mark.parametrize("value", ["a" * 64 + "\n", "a\n", "a\x00", "a" * 63 + " "])
def test_patterns_match_the_whole_value(value: str) -> None:
    assert violations(TABLE, products_pb2.GetProductRequest(product_id=value))


def table_of(rules: str, message: str = "shop.orders.v1.PlaceOrderRequest") -> RuleTable:
    return RuleTable.from_toml(f'[types.t]\nmax_bytes = 1\n[messages."{message}"]\n{rules}')


@pytest.mark.parametrize(
    "rules",
    [
        "request_id = { max_length = 3 }",
        "request_id = { min = 3 }",
        "request_id = { max_bytes = -1 }",
        "request_id = { max_bytes = true }",
        "request_id = { max_bytes = 1.5 }",
        "request_id = { required = 1 }",
        "request_id = { type = 'nothing' }",
        "request_id = { min_items = 1 }",
        "request_id = { unique = true }",
        "request_id = 3",
        "min_revision = { pattern = 'x', max_bytes = 3 }",
        "min_revision = { min = '3' }",
        "lines = { max_bytes = 3 }",
        "lines = { unique = true }",
        "lines = { unique = 'price' }",
        "lines = { items = { required = true } }",
        "state = { min_items = -1 }",
        "nothing = { required = true }",
        "validate_only = { min = 0 }",
    ],
)
def test_a_table_that_means_nothing_is_refused(rules: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        table_of(rules)


@pytest.mark.parametrize("table", ["[rules]\nx = 1", "not toml", "types = 3\nmessages = []"])
def test_text_that_is_no_table_is_refused(table: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        RuleTable.from_toml(table)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(a|a)*",
        "[a-z]*[a-z]*",
        "a*a*",
        "(?=a)",
        r"(a)\1",
        "a|b",
        "^a$",
        "[a-z",
        "a**",
        ".*",
    ],
)
def test_patterns_that_could_backtrack_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        table_of(f"request_id = {{ pattern = '{pattern}', max_bytes = 64 }}")


def test_a_pattern_needs_a_limit_on_what_it_sees() -> None:
    with pytest.raises(ValueError, match="needs max_bytes"):
        table_of("request_id = { pattern = '[a-z]+' }")


def test_messages_that_are_not_loaded_are_left_until_asked_about() -> None:
    table = table_of("x = { required = true }", "shop.nothing.v1.NoRequest")
    with pytest.raises(ValueError, match=r"shop\.nothing\.v1\.NoRequest"):
        table.require_all()


def test_a_request_without_rules_is_found_when_it_is_wired() -> None:
    table = table_of("request_id = { required = true }")
    table.require(Order.DESCRIPTOR)
    with pytest.raises(ValueError, match=r"shop\.orders\.v1\.GetOrderRequest"):
        table.require(orders_pb2.GetOrderRequest.DESCRIPTOR)


def test_a_type_can_be_refined() -> None:
    table = table_of("request_id = { type = 't', max_bytes = 2 }")
    assert not violations(table, Order(request_id="aa"))
    assert violations(table, Order(request_id="aaa"))
