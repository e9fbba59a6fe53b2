"""The strict JSON reader against the lenient one of the standard library."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from waybill import base64url
from waybill.strict_json import MAX_DEPTH, parse_object

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10)
)
SHALLOW = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
OBJECTS = st.dictionaries(st.text(max_size=5), SHALLOW, max_size=5)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(OBJECTS, st.booleans())
@settings(deadline=None)
def test_whatever_json_writes_is_read(value: dict[str, Any], ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode()
    if depth(value) <= MAX_DEPTH:
        assert parse_object(data) == value


@given(st.binary(max_size=200))
@example(b'{"a":1}')
@settings(deadline=None, max_examples=200)
def test_arbitrary_bytes_are_read_as_json_reads_them_or_refused(data: bytes) -> None:
    try:
        value = parse_object(data)
    except ValueError:
        return
    assert value == json.loads(data)


@given(st.text(alphabet='{}[]",:\\u d800n1e9.-tf', max_size=60))
@settings(deadline=None, max_examples=1000)
def test_almost_json(text: str) -> None:
    try:
        value = parse_object(text.encode())
    except ValueError:
        return
    assert value == json.loads(text)
    assert depth(value) <= MAX_DEPTH


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("levels", range(1, MAX_DEPTH + 3))
def test_the_depth_limit_is_exact(opening: str, levels: int) -> None:
    # `levels` counts the object itself, and many shallow neighbours do not add up.
    inner = opening * (levels - 1)
    closing = ("]" if opening == "[" else "}") * (levels - 1)
    filler = "1" if opening != "[" else ""
    text = f'{{"many":[[],[],[],[],[]],"x":{inner}{filler or ""}{closing}}}'
    if levels == 1:
        text = "{}"
    if levels <= MAX_DEPTH:
        assert depth(parse_object(text.encode())) <= MAX_DEPTH
    else:
        with pytest.raises(ValueError, match="nested"):
            parse_object(text.encode())


def test_brackets_in_texts_do_not_nest() -> None:
    value = {"a": "[" * 100, 'b"': '\\"[[' * 100, "c\\": ["{"] * 20}
    assert parse_object(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b'{"a":"' + b'\\"' * 500_000 + b"[" * 20,
        b'"' * 1_000_001 + b"[" * 20,
        b"\\" * 1_000_000 + b"[" * 20,
    ],
    ids=["lists", "objects", "escaped quotes", "quotes", "backslashes"],
)
def test_hostile_input_never_reaches_the_recursion_limit(data: bytes) -> None:
    # With a quadratic scan these would run into the test's time limit.
    with pytest.raises(ValueError, match=r"."):
        parse_object(data)


def test_paired_surrogates_are_a_character() -> None:
    assert parse_object(b'{"a":"\\ud83d\\ude00"}') == {"a": "\U0001f600"}
    assert parse_object(b'{"a":"\\\\ud800"}') == {"a": "\\ud800"}


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_base64url_round_trip(data: bytes) -> None:
    text = base64url.encode(data)
    assert base64url.decode(text.encode()) == data


@given(st.binary(max_size=30) | st.text(alphabet="AQgwB-_=+/\n .", max_size=12).map(str.encode))
@settings(deadline=None, max_examples=500)
def test_base64url_has_one_spelling(text: bytes) -> None:
    try:
        data = base64url.decode(text)
    except ValueError:
        return
    assert base64url.encode(data).encode() == text
