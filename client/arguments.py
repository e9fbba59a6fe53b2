"""Values of the command line; each function raises ArgumentTypeError with what would be right."""

from argparse import ArgumentTypeError
from collections.abc import Callable

from waybill.budget import check_hops
from waybill.strategy import Strategy

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1


def text(value: str) -> str:
    """Text that protobuf can carry. Its rules are the services' to check."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError("not UTF-8") from None
    return value


def integer(limit: int) -> Callable[[str], int]:
    """A reader of whole numbers from -limit to limit: those that the message's field can hold."""

    def read(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            raise ArgumentTypeError(f"{value!r} is not a whole number") from None
        if not -limit <= number <= limit:
            raise ArgumentTypeError(f"{value} is beyond {limit}")
        return number

    return read


def at_least(least: int) -> Callable[[str], int]:
    """A reader of whole numbers from `least` up."""

    def read(value: str) -> int:
        number = integer(INT32_MAX)(value)
        if number < least:
            raise ArgumentTypeError(f"{value} is below {least}")
        return number

    return read


def seconds(value: str) -> float:
    """A length of time above 0, in seconds."""
    try:
        number = float(value)
    except ValueError:
        raise ArgumentTypeError(f"{value!r} is not a number of seconds") from None
    if not 0 < number <= INT32_MAX:
        raise ArgumentTypeError(f"{value} is not a time between 0 and {INT32_MAX} seconds")
    return number


def line(value: str) -> tuple[str, int]:
    """PRODUCT or PRODUCT=QUANTITY; without a quantity it is 1."""
    product_id, equals, quantity = value.rpartition("=")
    if not equals:
        return text(value), 1
    return text(product_id), integer(INT32_MAX)(quantity)


def strategy(value: str) -> Strategy:
    """One of the strategies, by its name on the wire."""
    try:
        return Strategy(value)
    except ValueError:
        raise ArgumentTypeError(f"{value!r} is none of {', '.join(Strategy)}") from None


def hops(value: str) -> tuple[str, ...]:
    """Names of hops, with commas between them."""
    names = tuple(part.strip() for part in value.split(","))
    try:
        check_hops(names)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    return names
