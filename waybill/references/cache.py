"""Resolved references, for a short while, so that a busy handle costs one look-up a second.

An entry lives for its time to live counted from the moment *before* the store was asked, so the
time to live bounds how long a revoked reference can go on counting. Nothing is kept about handles
that lead nowhere: a stranger could fill the cache with them.

Belongs to one event loop; nothing here is locked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import TLRUCache

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class CacheBounds:
    """How long and how much is kept. `ttl_s` 0 keeps nothing; bytes are those of the records."""

    ttl_s: float = 1.0
    max_entries: int = 10_000
    max_bytes: int = 16 * 1024 * 1024

    def __post_init__(self) -> None:
        if self.ttl_s < 0 or self.max_entries < 0 or self.max_bytes < 0:
            raise ValueError("the bounds of a cache must not be negative")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Value]):
    value: Value
    size_bytes: int
    asked_at: float


class ReferenceCache(Generic[Value]):
    """Values by the name of their reference; the least recently used goes first."""

    def __init__(self, bounds: CacheBounds, clock: Callable[[], float]) -> None:
        """`clock` counts seconds and must not run backwards."""
        self._bounds = bounds
        self._clock = clock
        self._entries: TLRUCache[bytes, _Entry[Value]] = TLRUCache(
            bounds.max_bytes,
            ttu=lambda _name, entry, _now: entry.asked_at + bounds.ttl_s,
            timer=clock,
            getsizeof=lambda entry: entry.size_bytes,
        )

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def ttl_s(self) -> float:
        """How long anything is kept, in seconds; 0 where nothing ever is."""
        return self._bounds.ttl_s if self._bounds.max_entries else 0.0

    def now(self) -> float:
        """The cache's clock: read it just before the store is asked, for `put`."""
        return self._clock()

    def get(self, name: bytes) -> Value | None:
        """What was put there and still lives."""
        try:
            return self._entries[name].value
        except KeyError:
            return None

    def put(self, name: bytes, value: Value, *, size_bytes: int, asked_at: float) -> None:
        """Keep `value`; one that is larger than the whole cache is not kept."""
        if not self.ttl_s or size_bytes > self._bounds.max_bytes:
            return
        self._entries.pop(name, None)
        while len(self._entries) >= self._bounds.max_entries:
            self._entries.popitem()
        self._entries[name] = _Entry(value, size_bytes, asked_at)
