"""Remembering what was verified, so that the same bytes are not verified again.

A cache is bounded in entries and in bytes and may serve several verifiers, each through a memory of
its own. All of this belongs to one event loop; nothing here is locked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cachetools import LRUCache

from waybill.keys import KeySource, VerifyingKey

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)
_Place = tuple[object, bytes]


@dataclass(frozen=True, slots=True)
class Verified(Generic[Value_co]):
    """A verified value, the key that vouches for it, and until when it holds (Unix seconds)."""

    value: Value_co
    key: VerifyingKey
    expire_time: int


@dataclass(frozen=True, slots=True)
class _Weighed:
    verified: Verified[Any]
    weight: int


class VerifiedCache:
    """The least recently used entries go first when either bound is reached.

    `max_bytes` bounds the sum of the carried bytes that the entries were verified from; the decoded
    values take a multiple of that. A bound of 0 remembers nothing.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        if max_entries < 0 or max_bytes < 0:
            raise ValueError("the bounds of a cache must not be negative")
        self._max_entries = max_entries
        self._entries: LRUCache[_Place, _Weighed] = LRUCache(max_bytes, lambda e: e.weight)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes(self) -> int:
        """Carried bytes of all entries."""
        return int(self._entries.currsize)

    def get(self, place: _Place) -> Verified[Any] | None:
        """What was put there, if it is still there. It may have expired, or its key gone."""
        try:
            return self._entries[place].verified
        except KeyError:
            return None

    def put(self, place: _Place, verified: Verified[Any], weight: int) -> None:
        """Remember `verified`, which came as `weight` bytes; too large a one is not kept."""
        if self._max_entries == 0 or weight > self._entries.maxsize:
            return
        self.discard(place)
        while len(self._entries) >= self._max_entries:
            self._entries.popitem()
        self._entries[place] = _Weighed(verified, weight)

    def discard(self, place: _Place) -> None:
        """Forget what is there, if anything is."""
        self._entries.pop(place, None)


class Memory(Generic[Value]):
    """One verifier's part of a cache.

    What one verifier checked is never served to another that shares the cache, whose expectations
    may differ.
    """

    def __init__(
        self,
        cache: VerifiedCache | None,
        keys: KeySource,
        is_past: Callable[[int], bool],
    ) -> None:
        self._cache = VerifiedCache(0, 0) if cache is None else cache
        self._keys = keys
        self._is_past = is_past
        self._owner = object()

    def recall(self, digest: bytes) -> Value | None:
        """The value verified from the bytes of that SHA-256 digest.

        None if it is not remembered, has expired, or its key is no longer trusted.

        Raises:
            waybill.errors.KeysUnavailable: no keys are loaded.
        """
        place = (self._owner, digest)
        verified = self._cache.get(place)
        if verified is None:
            return None
        if self._is_past(verified.expire_time) or not self._trusts(verified.key):
            self._cache.discard(place)
            return None
        value: Value = verified.value
        return value

    def keep(self, digest: bytes, verified: Verified[Value], weight: int) -> None:
        """Remember `verified`, which came as `weight` bytes of that digest."""
        self._cache.put((self._owner, digest), verified, weight)

    def _trusts(self, key: VerifyingKey) -> bool:
        current = self._keys.current().get(key.key_id)
        return current is key or current == key
