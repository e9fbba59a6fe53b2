"""Resolving references: from the handles of a call to what the call may rely on.

A handle that was never issued, one that has expired, one that was revoked, and one for another
audience are all the same thing here: a name that the store does not have. So they are answered
alike, after the same work, without any code that would have to pretend.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from google.protobuf.message import DecodeError

from waybill.errors import StateInvalid, StateMissing, StateTooLarge
from waybill.expectations import Expectations
from waybill.jwt import check_size
from waybill.metadata import REFERENCE, Entry, text_values
from waybill.references import record
from waybill.references.cache import CacheBounds, ReferenceCache
from waybill.references.handle import HANDLE_CHARACTERS, name_of
from waybill.references.store import ReferenceSource
from waybill.refusals import Refusals
from waybill.single_flight import SingleFlight
from waybill.state_reader import family_pattern, newest_version
from waybill.values import OnRead, State, VerifiedState, unnoticed

Content = TypeVar("Content")


class _Resolved(NamedTuple, Generic[Content]):
    state: VerifiedState[Content]
    version: int


Found = Mapping[bytes, _Resolved[Content]]

MAX_REFERENCES = 128
"""In one call: more than gRPC's own limit on metadata lets through."""
MAX_BYTES = MAX_REFERENCES * HANDLE_CHARACTERS

REFERENCE_REFUSALS = Refusals(invalid=StateInvalid, expired=StateInvalid, too_large=StateTooLarge)
"""Nothing tells an expired reference from one that never was."""


class ReferenceReader(Generic[Content]):
    """Reads the state that the handles under the metadata key `waybill-reference` stand for.

    `family` and `decoders` are those of `waybill.state_reader.EnvelopeStateReader`; refusals are
    `REFERENCE_REFUSALS`, whatever is expected. Belongs to one event loop; close it at the end.
    """

    def __init__(  # noqa: PLR0913 (settings, by name)
        self,
        source: ReferenceSource,
        expectations: Expectations,
        *,
        family: str,
        decoders: Mapping[int, Callable[[bytes], State[Content]]],
        max_bytes: int = MAX_BYTES,
        bounds: CacheBounds | None = None,
        cache_clock: Callable[[], float] = time.monotonic,
        on_read: OnRead = unnoticed,
    ) -> None:
        self._on_read = on_read
        self._source = source
        self._family = family_pattern(family)
        self._decoders = decoders
        self._max_bytes = min(max_bytes, MAX_BYTES)
        self._expectations = replace(expectations, refusals=REFERENCE_REFUSALS)
        self._cache: ReferenceCache[_Resolved[Content]] = ReferenceCache(
            bounds or CacheBounds(), cache_clock
        )
        # Without a cache every call looks for itself: an answer that was on its way before a
        # revocation would be a cache, if a short one.
        self._flights: SingleFlight[tuple[bytes, ...], Found[Content]] = SingleFlight(
            self._cache.ttl_s, cache_clock
        )

    async def read(
        self,
        metadata: Sequence[Entry],
        *,
        subject: str,
        min_revision: int,
        time_left_s: float | None = None,
    ) -> list[VerifiedState[Content]]:
        """All state that the call refers to, in the order in which it came.

        Args:
            metadata: of the call.
            subject: who calls.
            min_revision: below which state no longer counts.
            time_left_s: of the caller's deadline, in seconds; None without one.

        Raises:
            waybill.errors.StateMissing: the call carries no reference.
            waybill.errors.StateTooLarge: over `max_bytes`, all values together.
            waybill.errors.StateInvalid: one leads nowhere: never issued, expired, revoked, for
                another audience, or no handle at all.
            waybill.errors.StateVersionUnsupported: one leads to versions without a decoder only.
            waybill.errors.SubjectMismatch: one is another subject's.
            waybill.errors.StateSuperseded: one is older than `min_revision`, or revoked.
            waybill.errors.ReferenceStoreUnavailable: the store does not answer.
            waybill.errors.DeadlineSpent: the caller's time was up first.
        """
        found = await self._resolved(self._names(metadata), time_left_s)
        for state, _ in found:
            if self._expectations.is_past(state.expire_time):
                raise StateInvalid("past its expiry")
        for state, _ in found:
            self._expectations.check_call(state, subject=subject, min_revision=min_revision)
        for state, version in found:
            self._on_read(state, version)
        return [state for state, _ in found]

    async def close(self) -> None:
        """End the look-ups that still run."""
        await self._flights.close()

    def _names(self, metadata: Sequence[Entry]) -> list[bytes]:
        handles = text_values(metadata, REFERENCE)
        if not handles:
            raise StateMissing
        check_size(sum(map(len, handles)), self._max_bytes, REFERENCE_REFUSALS)
        try:
            return [name_of(handle, self._expectations.audience) for handle in handles]
        except ValueError:
            raise StateInvalid("no handle") from None

    async def _resolved(
        self, names: Sequence[bytes], time_left_s: float | None
    ) -> list[_Resolved[Content]]:
        found = {name: kept for name in names if (kept := self._cache.get(name)) is not None}
        missing = tuple(dict.fromkeys(name for name in names if name not in found))
        if missing:
            found |= await self._flights.run(missing, partial(self._look_up, missing), time_left_s)
        if any(name not in found for name in names):
            raise StateInvalid("leads nowhere")
        return [found[name] for name in names]

    async def _look_up(self, names: Sequence[bytes]) -> Found[Content]:
        asked_at = self._cache.now()
        records = await self._source.get(names)
        found = {}
        for name, held in zip(names, records, strict=True):
            if held is not None:
                resolved = found[name] = self._state(held)
                self._cache.put(name, resolved, size_bytes=len(held), asked_at=asked_at)
        return found

    def _state(self, held: bytes) -> _Resolved[Content]:
        try:
            versions = record.decode(held, self._family)
            version = newest_version(versions.keys(), self._decoders)
            state = self._decoders[version](versions[version])
        except (DecodeError, LookupError, TypeError, ValueError):
            raise StateInvalid("a record that cannot be read") from None
        return _Resolved(self._expectations.verified(state), version)
