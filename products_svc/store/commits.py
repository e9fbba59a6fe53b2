"""Notices commits cheaply: whether there can be anything new, before asking what."""

import sqlite3
from typing import Protocol


class Commits(Protocol):
    """Whether a database may have changed."""

    def changed(self) -> bool:
        """Whether anything may have been committed since the last time this was asked."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class AlwaysChanged:
    """For databases that give no cheap sign."""

    def changed(self) -> bool:
        return True

    def close(self) -> None:
        """Holds nothing."""


class SqliteCommits:
    """Asks SQLite for `PRAGMA data_version`, on a connection that is kept for it.

    That number changes with every commit that another connection makes, of this process or of any
    other (https://sqlite.org/pragma.html#pragma_data_version). Asking takes microseconds and waits
    for nobody, so it can be done on an event loop.
    """

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(
            path, timeout=0, isolation_level=None, check_same_thread=False
        )
        self._seen: int | None = None

    def changed(self) -> bool:
        before, self._seen = self._seen, self._version()
        return self._seen is None or self._seen != before

    def _version(self) -> int | None:
        """None where the database does not say: let whoever reads it find out why."""
        try:
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            return None
        return int(version)

    def close(self) -> None:
        self._connection.close()
