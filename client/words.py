"""Values in words for people."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from waybill.header_caps import Measure, Use

MICROS: Final = Decimal(1_000_000)
UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def clean(text: str) -> str:
    """`text` on one line and without control characters, which could command the terminal."""
    return "".join(char if char.isprintable() else REPLACEMENT for char in text)


def money(micros: int, currency: str = "") -> str:
    """An amount in millionths, with at least two decimals: 12500000 EUR is "12.50 EUR"."""
    amount = Decimal(micros) / MICROS
    cents = amount.quantize(Decimal("0.01"))
    exact = cents if cents == amount else amount.normalize()
    return f"{exact:f} {currency}".rstrip()


def most(max_quantity: int) -> str:
    """A maximum quantity, where 0 means none."""
    return str(max_quantity) if max_quantity else "any"


def duration(seconds: int) -> str:
    """A length of time in its two largest units: 298 is "4 min 58 s"."""
    parts: list[str] = []
    for name, size in UNITS:
        amount, seconds = divmod(seconds, size)
        if amount or parts:
            parts.append(f"{amount} {name}" if amount else "")
    return " ".join(part for part in parts[:2] if part) or "0 s"


def moment(seconds: int) -> str:
    """A time in UTC (RFC 3339): "2027-01-15T08:00:00Z"."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def expiry(expire_time: int, now: float) -> str:
    """When something expires, seen from `now`: "in 4 min 58 s", "expired 3 s ago"."""
    left = expire_time - int(now)
    return f"in {duration(left)}" if left > 0 else f"expired {duration(-left)} ago"


def count(number: int, noun: str) -> str:
    """A number of things: "1 page", "2 pages"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """A number of bytes: "7,168 bytes"."""
    return count(number, "byte")


def budget_use(use: Use) -> str:
    """How much of a limit is used: "574 bytes of metadata; grpcio server allows 7,168"."""
    match use.cap.measure:
        case Measure.TOTAL:
            used = f"{size(use.found)} of metadata"
        case Measure.VALUE:
            used = f"{size(use.found)} in one metadata value"
        case Measure.ENTRIES:
            used = f"{use.found:,} metadata entries for state"
    return f"{used}; {use.cap.hop or 'the budget'} allows {use.cap.limit:,}"
