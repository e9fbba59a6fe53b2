"""Libraries that only some installations need."""

from collections.abc import Iterator
from contextlib import contextmanager


class ExtraMissing(RuntimeError):
    """The settings ask for something whose library is not installed."""


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Put around the import of what only the extra `extra` brings.

    Raises:
        ExtraMissing: with the extra, and the command that installs it from a checkout.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            f"{error.name} is not installed; it comes with Waybill's extra {extra}: in a checkout"
            f" `make setup`, or pip install '.[{extra}]'"
        ) from error
