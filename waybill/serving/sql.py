"""What services do alike with a SQL database: name its failures, and repeat what lost a race."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import exc

from waybill.errors import StorageUnavailable

Result = TypeVar("Result")

ATTEMPTS = 3
"""How often a transaction is tried that loses to others."""

_OUR_OWN_FAULTS = (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError)
# SQLSTATEs, https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOST_A_RACE = frozenset({"40001", "40P01"})
_TABLES_ARE_GONE = frozenset({"3D000", "3F000", "42P01", "42703"})
_FORBIDDEN = frozenset({"42501"})


@contextmanager
def storage_errors() -> Iterator[None]:
    """Tells a database that fails from a statement that it rejects, which is a mistake of ours.

    Raises:
        StorageUnavailable: the database does not answer, or is not the one that was set up.
    """
    try:
        yield
    except exc.DBAPIError as error:
        state = _sqlstate(error)
        if state in _TABLES_ARE_GONE:
            advice = "it was emptied or replaced; restore it, then restart the service"
            raise StorageUnavailable(f"database: {_text(error)}; {advice}") from error
        if isinstance(error, _OUR_OWN_FAULTS) and state not in _FORBIDDEN:
            raise
        raise StorageUnavailable(f"database: {_text(error)}") from error
    except exc.TimeoutError as error:
        raise StorageUnavailable("database: no free connection") from error
    except exc.NoResultFound as error:
        raise StorageUnavailable("database: it was emptied; restore it") from error


def repeated(work: Callable[[], Result]) -> Result:
    """The result of `work`, a whole transaction, which is repeated where it lost to another one.

    Raises:
        StorageUnavailable: the database does not answer, or it lost every time.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return work()
        except StorageUnavailable as unavailable:
            if _sqlstate(unavailable.__cause__) not in _LOST_A_RACE:
                raise
    return work()


def _sqlstate(error: BaseException | None) -> str | None:
    """The standard's code, from drivers that give it."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def _text(error: exc.DBAPIError) -> str:
    """The first line: what follows may quote values."""
    return (str(error.orig).splitlines() or [type(error.orig).__name__])[0]
