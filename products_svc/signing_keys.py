"""The key that signs now, also after `rotate-keys` has changed the file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from waybill.algorithms import DEFAULT_ALGORITHM
from waybill.signing import SigningKey, SigningKeyFile

Stamp = tuple[int, int, int]

CHECK_EVERY_S = 1.0
SETTLE_S = 3.0
"""How long a new key waits: readers look at their key file each second or so, and refuse
what they don't know."""


class UnusableKeys(Exception):
    """The files of the signing keys cannot be read, made or written; the text says why."""


class KeyRing(Protocol):
    """Where an issuer gets its key, at each call."""

    def current(self) -> SigningKey:
        """The key to sign with."""
        ...


class RotatingKey:
    """The first key of a signing key file, which is looked at again as time goes on.

    A bad new file changes nothing: the last good key stays, and `on_problem` is told why, once for
    each cause. Belongs to one event loop.

    Args:
        path: the file; it is made if there is none.
        clock: seconds; only differences count.
        algorithm: of the key that is made if there is none.
        check_every_s: least time between two looks at the file.
        settle_s: how long a new key waits until it signs.
        on_problem: is told what is wrong with a new file, for the log.

    Raises:
        UnusableKeys: the file is malformed, open to others than its owner, or cannot be made.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float],
        *,
        algorithm: str = DEFAULT_ALGORITHM,
        check_every_s: float = CHECK_EVERY_S,
        settle_s: float = SETTLE_S,
        on_problem: Callable[[str], None] = lambda _problem: None,
    ) -> None:
        self._path = path
        self._on_problem = on_problem
        self._file = SigningKeyFile(path, algorithm)
        self._clock = clock
        self._check_every_s = check_every_s
        self._settle_s = settle_s
        with _explained():
            self._stamp, keys = self._load()
        self._current = self._next = keys[0]
        self._looked_at = clock()
        self._switch_at = 0.0
        self.last_error: str | None = None

    def current(self) -> SigningKey:
        """The key to sign with."""
        now = self._clock()
        if now - self._looked_at >= self._check_every_s:
            self._looked_at = now
            self._refresh(now)
        if self._next is not self._current and now >= self._switch_at:
            self._current = self._next
        return self._current

    def _refresh(self, now: float) -> None:
        """Takes note of a changed file."""
        try:
            if self._look() == self._stamp:
                return
            self._stamp, keys = self._load()
        except (OSError, ValueError) as error:
            self._note(str(error))
            return
        self.last_error = None
        if keys[0].key_id != self._next.key_id:
            self._next = keys[0]
            self._switch_at = now + self._settle_s
        if self._current.key_id not in {key.key_id for key in keys}:
            self._switch_at = now  # what the file no longer trusts must not sign any more

    def _note(self, problem: str) -> None:
        if problem != self.last_error:
            self._on_problem(problem)
        self.last_error = problem

    def _load(self) -> tuple[Stamp, list[SigningKey]]:
        self._file.load_or_create()
        stamp = self._look()  # before reading, so that a change in between is seen next time
        return stamp, self._file.load_or_create()

    def _look(self) -> Stamp:
        status = self._path.stat()
        return status.st_mtime_ns, status.st_size, status.st_ino


def publish(signing_keys: Path, public_keys: Path, algorithm: str = DEFAULT_ALGORITHM) -> None:
    """Write the public part of the keys for readers; make a key if there is none.

    Raises:
        UnusableKeys: a file is malformed, or cannot be read or written.
    """
    with _explained():
        SigningKeyFile(signing_keys, algorithm).write_public(public_keys)


def rotate(
    signing_keys: Path, public_keys: Path, algorithm: str = DEFAULT_ALGORITHM
) -> list[SigningKey]:
    """Put a new key for `algorithm` first, keep the previous one trusted, and publish both.

    Where it cannot be published nothing changes: the key before goes on signing.

    Raises:
        UnusableKeys: a file is malformed, or cannot be read or written.
    """
    with _explained():
        keys = SigningKeyFile(signing_keys, algorithm).rotate(keep=2, public=public_keys)
    publish(signing_keys, public_keys, algorithm)
    return keys


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise UnusableKeys(f"signing keys: {error}") from error
