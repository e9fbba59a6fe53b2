"""Libraries that only some installations need."""

from collections.abc import Iterator
from contextlib import contextmanager


class ExtraMissing(RuntimeError):
    """The settings ask for something whose library is not installed."""


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Put around the import of what only the extra `extra` brings.

    Raises:
        ExtraMissing: with the command that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            f"{error.name} is not installed; pip install 'waybill[{extra}]'"
        ) from error
