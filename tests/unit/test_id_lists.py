"""The ladder of encodings: nothing is lost, nothing unfolds, and each set has one spelling."""

import bz2
import json
import tomllib
import uuid
import zlib
from collections.abc import Callable
from importlib.resources import files
from math import lgamma, log
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from products_svc.catalogue.ids import IdKind, gtin_check_digit, product_ids
from waybill import id_lists
from waybill.id_lists import Limits, codec, gs1
from waybill.id_lists.cursor import Cursor, varint
from waybill.id_lists.gaps import decode_set, encode_set

RUNGS = list(id_lists.CODECS)
CANONICAL = ["json", "delta", "radix"]
PRODUCT_ID = tomllib.loads(files("shop").joinpath("rules.toml").read_text())["types"]["product_id"]


def gtin13(number: int) -> str:
    return f"{number:012d}{gtin_check_digit(f'{number:012d}')}"


def stopped() -> float:
    """A clock by which nothing takes time."""
    return 0.0


ANY_ID = st.from_regex(PRODUCT_ID["pattern"], fullmatch=True).filter(lambda each: len(each) <= 64)
SHORT_ID = st.text("019a-", min_size=1, max_size=4).filter(lambda each: each[0] != "-")
NUMBERED = st.builds("{}{:0{}d}".format, st.just("sku-"), st.integers(0, 2000), st.integers(1, 6))
GTIN = st.integers(0, 10**12 - 1).map(gtin13)
KINDS = (ANY_ID, SHORT_ID, NUMBERED, GTIN, st.uuids(version=4).map(str))
LISTS = st.one_of([st.sets(each, max_size=40) for each in KINDS])


def catalogue(kind: IdKind, count: int, seed: int = 1) -> list[str]:
    return list(product_ids(kind, count, Random(seed)))


def bound_bytes(of: int, count: int) -> float:
    """log2 of the binomial coefficient, in bytes."""
    return (lgamma(of + 1) - lgamma(count + 1) - lgamma(of - count + 1)) / log(2) / 8


@pytest.mark.parametrize("rung", RUNGS)
@settings(deadline=None)
@given(ids=LISTS)
@example(ids=set())
@example(ids={"z" * 64, "0" * 64, "9" * 64, "A" + "." * 63})
@example(ids={"0", "00", "000", "a", "a0", "a00", "a-0"})
def test_what_is_encoded_comes_back(rung: str, ids: set[str]) -> None:
    data = id_lists.encode(ids, rung)
    assert id_lists.rung_of(data) == rung
    assert id_lists.decode(data) == tuple(sorted(ids))


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("kind", list(IdKind))
@pytest.mark.parametrize("count", [1, 2, 10, 1000])
def test_every_kind_of_id_comes_back(rung: str, kind: IdKind, count: int) -> None:
    ids = catalogue(kind, count)
    assert id_lists.decode(id_lists.encode(ids, rung)) == tuple(sorted(ids))


@settings(deadline=None)
@given(ids=LISTS)
def test_the_best_is_none_larger_than_any(ids: set[str]) -> None:
    data = id_lists.best(ids, clock=stopped)
    assert len(data) == min(len(id_lists.encode(ids, rung)) for rung in RUNGS)
    assert id_lists.decode(data) == tuple(sorted(ids))


def test_when_time_is_up_no_other_rung_is_begun() -> None:
    ids = catalogue(IdKind.INT, 100)
    ticks = iter(range(10))
    data = id_lists.best(ids, time_bound_s=1, clock=lambda: float(next(ticks)))
    assert id_lists.rung_of(data) == "radix"
    assert id_lists.rung_of(id_lists.best(ids, time_bound_s=-1)) == "json"


@pytest.mark.parametrize("ids", [["a", "a"], [""], ["-a"], ["a b"], ["ä"], ["a" * 65], ["a\n"]])
def test_what_is_no_set_of_ids_is_not_encoded(ids: list[str]) -> None:
    with pytest.raises(ValueError, match="id"):
        id_lists.encode(ids, "json")
    with pytest.raises(ValueError, match="id"):
        id_lists.best(ids)


def test_ids_are_those_of_the_rule_table() -> None:
    assert PRODUCT_ID["pattern"] == "[A-Za-z0-9][A-Za-z0-9._-]*"
    assert PRODUCT_ID["max_bytes"] == codec.MAX_ID_BYTES


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("count", "most"), [(10_000, 1.05), (1_000, 1.20)])
@pytest.mark.parametrize(
    "form",
    [
        "sku-{:06d}".format,
        "{:05d}".format,
        str,
        lambda n: f"{'ab'[n // 50_000]}-{n % 50_000:05d}",
        lambda n: f"A{n:05d}-EU",
        lambda n: gtin13(401234500000 + n),
    ],
    ids=["padded", "bare", "natural", "two prefixes", "suffix", "gtin13"],
)
def test_near_the_bound_of_information(
    form: Callable[[int], str], count: int, most: float, seed: int
) -> None:
    ids = [form(number) for number in Random(seed).sample(range(100_000), count)]
    data = id_lists.best(ids, clock=stopped)
    assert len(data) <= most * bound_bytes(100_000, count)
    assert id_lists.decode(data) == tuple(sorted(ids))


def test_random_ids_take_little_more_than_their_entropy() -> None:
    """Known as a form only: 122 random bits of a UUID, twelve digits of a GTIN from 2 * 10^11."""
    for kind, universe in ((IdKind.UUID4, 2**122), (IdKind.GTIN13, 10**11)):
        data = id_lists.best(catalogue(kind, 1000), clock=stopped)
        entropy_bits = 1000 * log(universe) / log(2) - lgamma(1001) / log(2)
        assert len(data) * 8 <= 1.02 * entropy_bits + 100


ANY_BYTES = st.binary(max_size=120)


def decoded(data: bytes, limits: Limits = id_lists.DEFAULT_LIMITS) -> tuple[str, ...] | None:
    """The ids, or None for a refusal; any other error fails the test."""
    try:
        return id_lists.decode(data, limits)
    except ValueError:
        return None


@settings(deadline=None)
@given(data=ANY_BYTES)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    ids = decoded(data)
    assert ids is None or all(isinstance(each, str) for each in ids)


@pytest.mark.parametrize("rung", RUNGS)
@settings(deadline=None)
@given(body=ANY_BYTES)
def test_any_body_is_read_or_refused(rung: str, body: bytes) -> None:
    data = bytes([id_lists.TAGS[rung]]) + body
    ids = decoded(data)
    if ids is not None and rung in CANONICAL:
        assert id_lists.encode(ids, rung) == data


@pytest.mark.parametrize("rung", RUNGS)
@settings(deadline=None)
@given(ids=LISTS, place=st.integers(0, 10**6), flip=st.integers(0, 255), change=st.integers(0, 2))
def test_a_changed_byte_gives_another_set_or_a_refusal(
    rung: str, ids: set[str], place: int, flip: int, change: int
) -> None:
    whole = id_lists.encode(ids, rung)
    at = 1 + place % max(len(whole) - 1, 1)
    middles = (whole[at : at + 1] and bytes([whole[at] ^ flip]), b"", bytes([flip, 7]))
    data = whole[:at] + middles[change] + whole[at + 1 :]
    found = decoded(data)
    if found is None:
        return
    codec.check_ascending(found)
    if rung in CANONICAL:
        assert id_lists.encode(found, rung) == data


@pytest.mark.parametrize("rung", RUNGS)
@settings(deadline=None)
@given(ids=LISTS.filter(len))
def test_bytes_too_few_or_too_many_are_refused(rung: str, ids: set[str]) -> None:
    data = id_lists.encode(ids, rung)
    assert decoded(data + b"\0") is None
    cut = decoded(data[:-1])
    assert cut is None or set(cut) < ids


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x10[]", b"\x21[]", b"\x16", b"[]", b"\xff" * 9])
def test_an_unknown_rung_or_version_is_refused(data: bytes) -> None:
    assert decoded(data) is None


def deflated(text: bytes) -> bytes:
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"\x14" + stream.compress(text) + stream.flush()


def lines(*texts: str) -> bytes:
    return "\n".join(texts).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"\x11" + json.dumps(["b", "a"], separators=(",", ":")).encode(),
        b"\x11" + json.dumps(["a", "a"], separators=(",", ":")).encode(),
        b'\x11["a", "b"]',
        b'\x11["\\u0061"]',
        b'\x11[""]',
        b"\x11[[]]",
        b"\x11" + b"[" * 100_000,
        b"\x12\x00\x00\x01\x00\x81\x00",  # a number written too long
        b"\x12\x00\x00\x00\x00\x00",  # an empty id
        b"\x12\x00\x02a1\x00\x00\x00",  # a digit that belongs to the number
        b"\x12\x00\x01a\x00\x00\x00" * 2,  # twice
        b"\x12\x00\x01-\x01\x00\x00",
        b"\x13\x01\x84\x00\x05",  # one id never needs an alphabet
        b"\x13\x01-\x00\x00",
        deflated(lines("0a", "0b", "0a")),
        deflated(lines("0aa", "0ab")),
        deflated(lines("0a", "2b")),
        deflated(lines("0a", "")),
        deflated(lines("/a")),
        deflated(b"0a\n"),
        deflated(lines("0a"))[:-1],
        deflated(lines("0a")) + b"x",
        b"\x15" + bz2.compress(b"0a", 7)[4:] * 2,
        b"\x15" + bz2.compress(b"0a", 7)[4:] + bz2.compress(b"", 7),
    ],
)
def test_other_spellings_are_refused(data: bytes) -> None:
    assert decoded(data) is None


@pytest.mark.parametrize("rung", RUNGS)
def test_limits_are_kept(rung: str) -> None:
    ids = catalogue(IdKind.SKU, 50)
    data = id_lists.encode(ids, rung)
    assert decoded(data, Limits(max_ids=50)) == tuple(sorted(ids))
    assert decoded(data, Limits(max_ids=49)) is None
    assert decoded(data, Limits(max_input_bytes=len(data))) is not None
    assert decoded(data, Limits(max_input_bytes=len(data) - 1)) is None


def test_bombs_stay_small() -> None:
    text = b"0a\n" * 1_000_000
    assert decoded(deflated(text)) is None
    assert decoded(b"\x15" + bz2.compress(text, 7)[4:]) is None
    huge = varint(2**40)
    for tag in (b"\x12", b"\x13"):
        assert decoded(tag + b"\x00\x01a\x06" + huge * 3) is None
    assert decoded(b"\x12\x00\x00\x06" + varint(9999) + varint(0) + b"\x00" * 3) is None


def test_the_longest_page_of_the_longest_ids_is_within_the_limits() -> None:
    random = Random(1)
    ids = [f"{random.getrandbits(256):064x}" for _ in range(10_000)]
    for rung in RUNGS:
        assert id_lists.decode(id_lists.encode(ids, rung)) == tuple(sorted(ids))


@settings(deadline=None)
@given(numbers=st.sets(st.integers(0, 2**130), min_size=1), padding=st.binary(max_size=3))
def test_sets_of_numbers_come_back(numbers: set[int], padding: bytes) -> None:
    ordered = sorted(numbers)
    cursor = Cursor(encode_set(ordered) + padding)
    assert decode_set(cursor, max_count=len(ordered), below=ordered[-1] + 1) == ordered
    assert cursor.left == len(padding)


@settings(deadline=None)
@given(numbers=st.sets(st.integers(0, 10**13 - 1), min_size=1, max_size=20))
def test_check_digits_of_a_column_are_those_of_each_id(numbers: set[int]) -> None:
    texts = [f"{number:013d}" for number in numbers]
    columns = ["".join(column).encode() for column in zip(*texts, strict=True)]
    expected = "".join(str(gtin_check_digit(each)) for each in texts)
    assert gs1.check_column(columns).decode() == expected


def test_uuids_of_several_forms_share_a_list() -> None:
    ids = [str(uuid.UUID(int=n, version=4)) for n in range(5)] + [uuid.UUID(int=9).hex.upper()]
    assert id_lists.decode(id_lists.encode(ids, "radix")) == tuple(sorted(ids))
