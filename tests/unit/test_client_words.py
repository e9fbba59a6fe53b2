import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.words import clean, count, duration, expiry, moment, money, most


@pytest.mark.parametrize(
    ("micros", "currency", "text"),
    [
        (12_500_000, "EUR", "12.50 EUR"),
        (0, "EUR", "0.00 EUR"),
        (1, "EUR", "0.000001 EUR"),
        (1_234_567, "", "1.234567"),
        (10**15, "JPY", "1000000000.00 JPY"),
        (5_000, "EUR", "0.005 EUR"),
    ],
)
def test_money(micros: int, currency: str, text: str) -> None:
    assert money(micros, currency) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (298, "4 min 58 s"),
        (300, "5 min"),
        (3_601, "1 h"),
        (7_260, "2 h 1 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations_have_at_most_two_units(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_expiry_is_said_from_now() -> None:
    assert expiry(110, 100.7) == "in 10 s"
    assert expiry(100, 100.0) == "expired 0 s ago"
    assert expiry(40, 100.0) == "expired 1 min ago"


def test_small_words() -> None:
    assert moment(1_800_000_000) == "2027-01-15T08:00:00Z"
    assert count(1, "page") == "1 page"
    assert count(7_168, "byte") == "7,168 bytes"
    assert (most(0), most(3)) == ("any", "3")


@given(st.text())
def test_nothing_that_commands_a_terminal_is_shown(text: str) -> None:
    shown = clean(text)
    assert len(shown) == len(text)
    assert shown.isprintable()


def test_a_terminal_escape_is_defused() -> None:
    assert clean("\x1b[31mred\n") == "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}"
