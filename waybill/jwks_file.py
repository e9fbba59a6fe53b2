"""Keys from a JSON Web Key Set file."""

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

from waybill.errors import KeysUnavailable
from waybill.keys import MAX_JWKS_BYTES, MISSING_EVERY_S, Cause, KeySet, Look, is_due

_Stamp = tuple[int, int, int]


class JwksFile:
    """Keys from a JSON Web Key Set file, read again when it changes.

    It looks at the file at most once per `check_every_s` seconds. A key id that is missing brings
    one look more, and that at most once per `missing_every_s` seconds, so that strangers' key ids
    cannot make it busy. A bad new file changes nothing: the last good set stays, and `last_error`
    says why. To trust nobody, write an empty set. Whoever writes the file replaces it in one step
    (rename).
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.monotonic,
        check_every_s: float = 1.0,
        missing_every_s: float = MISSING_EVERY_S,
        on_look: Callable[[Look], None] | None = None,
    ) -> None:
        """`on_look` is told of every look, for logs and counts."""
        self._path = path
        self._clock = clock
        self._check_every_s = check_every_s
        self._missing_every_s = missing_every_s
        self._on_look = on_look
        self._looked_at = self._missing_at = float("-inf")
        self._stamp: _Stamp | None = None
        self._keys: KeySet | None = None
        self.last_error: str | None = None

    def current(self, *, missing: str | None = None) -> KeySet:
        """The last good set."""
        now = self._clock()
        if is_due(now, self._looked_at, self._check_every_s):
            self._looked_at = now
            self._look(Cause.TIME)
        elif missing is not None and is_due(now, self._missing_at, self._missing_every_s):
            self._missing_at = now
            self._look(Cause.MISSING_KEY)
        if self._keys is None:
            raise KeysUnavailable(self.last_error or "")
        return self._keys

    def _look(self, cause: Cause) -> None:
        before = self._keys
        try:
            stamp = _stamp(self._path.stat())
            if stamp != self._stamp:  # which a bad file leaves as it was, to be read again
                self._keys = KeySet.from_jwks(_read_regular_file(self._path))
            self._stamp = stamp
            self.last_error = None
        except (OSError, ValueError) as error:
            self.last_error = f"{self._path}: {error}"
        if self._on_look is not None:
            self._on_look(Look.at(cause, before, self._keys, self.last_error))


def _stamp(status: os.stat_result) -> _Stamp:
    """What changes when a file is replaced or rewritten."""
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read_regular_file(path: Path) -> bytes:
    """The whole file, if it is one and small enough; a pipe would block the event loop."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("not a regular file")
    with path.open("rb") as file:
        data = file.read(MAX_JWKS_BYTES + 1)
    if len(data) > MAX_JWKS_BYTES:
        raise ValueError(f"larger than {MAX_JWKS_BYTES} bytes")
    return data
