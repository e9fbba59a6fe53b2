"""Figures as text, with no more digits than their spread supports. Pure."""

from math import floor, log10

from loadtest.scale.model import Between


def between(found: Between) -> str:
    """`low to high`, rounded to a tenth of what lies between; one figure where that is nothing."""
    apart = found.high - found.low
    if apart <= abs(found.high) * 0.01:
        return count(found.value)
    digits = 1 - floor(log10(apart))
    return f"{_rounded(found.low, digits)} to {_rounded(found.high, digits)}"


def _rounded(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:,.{max(0, digits)}f}"


def count(value: float) -> str:
    """Three significant digits, or all of those before the point."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:,.{2 - floor(log10(abs(value)))}f}"


def size(bytes_: float) -> str:
    """Bytes in the unit that suits them, decimal."""
    for unit in ("B", "kB", "MB", "GB"):
        if bytes_ < 1000:
            return f"{bytes_:,.3g} {unit}"
        bytes_ /= 1000
    return f"{bytes_:,.3g} TB" if bytes_ < 1000 else f"{bytes_:,.0f} TB"


def duration(seconds: float) -> str:
    """Seconds, or milliseconds below one."""
    return f"{seconds:,.3g} s" if seconds >= 1 else f"{seconds * 1e3:,.2g} ms"
