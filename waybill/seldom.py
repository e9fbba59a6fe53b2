"""Saying something again only after a while, however often it is noticed."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Said = TypeVar("Said")


class Seldom(Generic[Said]):
    """Passes on what it is called with, at most once in a while for each key.

    Keeps every key that it has seen, so these must be few. Not for use by several threads at once.

    Args:
        say: to whom it is passed on.
        key: what counts as the same.
        every_s: seconds of silence.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        say: Callable[[Said], None],
        *,
        key: Callable[[Said], Hashable],
        every_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._say = say
        self._key = key
        self._every_s = every_s
        self._clock = clock
        self._silent_until: dict[Hashable, float] = {}

    def __call__(self, said: Said) -> None:
        key, now = self._key(said), self._clock()
        if now >= self._silent_until.get(key, now):
            self._silent_until[key] = now + self._every_s
            self._say(said)
