"""Numbers as text, with as many digits as their spread supports."""
# ruff: noqa: RUF001 - the multiplication sign and the dash are meant

from math import floor, log10

from loadtest.spread import Spread

NOTHING = "–"
PLUS_MINUS = "median of the rounds ± half its 95 % interval"
"""What `spread` writes; of fewer than six rounds the interval is their whole range."""
_DIGITS = 3
"""Significant digits of what has no spread."""
_SECOND = 0.9995
"""From here on a time is told in seconds."""


def decimals(value: float, half: float) -> int:
    """Decimals of `value` up to the first digit of `half`, its uncertainty; negative for tens."""
    size = abs(half) if half else abs(value) * 10.0 ** (1 - _DIGITS)
    return -floor(log10(size)) if size else 0


def number(value: float, places: int) -> str:
    """`value` with thousands separated, rounded to `places` decimals, which may be negative."""
    return f"{round(value, places):,.{max(places, 0)}f}"


def short(value: float) -> str:
    """`value` with three significant digits; whole from a hundred on."""
    return number(value, max(0, decimals(value, 0.0))) if value else "0"


def whole(value: float | None) -> str:
    """`value` without decimals, or a dash."""
    return NOTHING if value is None else f"{value:,.0f}"


def spread(value: Spread | None) -> str:
    """The median, ± half its interval where there are several rounds."""
    if value is None:
        return NOTHING
    half = (value.high - value.low) / 2
    if not half:
        return short(value.median)
    places = min(decimals(value.median, half), max(0, decimals(value.median, 0.0)) + 1)
    middle = number(value.median, places)
    return f"{middle} ± {number(half, places)}" if round(half, places) else middle


def duration(seconds: float | None) -> str:
    """A measured time in ms or s with two significant digits, or a dash."""
    if seconds is None:
        return NOTHING
    value, unit = _in_unit(seconds)
    places = 1 - floor(log10(value)) if value else 0
    return f"{number(value, min(places, 1))} {unit}"


def period(seconds: float) -> str:
    """A time that was chosen, in ms or s, with as many digits as it has."""
    value, unit = _in_unit(seconds)
    return f"{value:g} {unit}"


def _in_unit(seconds: float) -> tuple[float, str]:
    return (seconds, "s") if seconds >= _SECOND else (1000 * seconds, "ms")


def percent(share: float) -> str:
    """A share; a decimal only where it is needed to tell it from none or all."""
    near = 0 < share < 0.01 or 0.99 < share < 1
    return f"{share:.1%}" if near else f"{share:.0%}"


def tick(value: float) -> str:
    """A value beside an axis."""
    for size, letter in ((1e9, "G"), (1e6, "M")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:,.0f}" if value == round(value) else f"{value:g}"
