"""Strategy `direct-call`: ask products when the order comes, with a cache in front.

What the caller sees when products cannot or will not answer:

- products says nothing about an asked product: it is not granted, and the order is refused with
  PERMISSION_DENIED where that is decided. Such negative answers are cached for a shorter time.
- products is down, slow, overloaded, or refuses *this service's* credential: UNAVAILABLE. The last
  is our fault and not the caller's, who may well be entitled, so it must not read as a denial; and
  nothing of it is cached.
- the answer is older than the revision that the caller demands: UNAVAILABLE.
- the caller's own time is up first: DEADLINE_EXCEEDED.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from orders_svc.access import AccessQuery, Grant
from waybill.answer_cache import Answer, AnswerCache
from waybill.errors import DeadlineSpent, RevisionNotReached, UpstreamUnavailable
from waybill.single_flight import SingleFlight

Missing = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccessAnswer:
    """Grants by product id among those asked, as of one revision; what is absent is not granted."""

    grants: Mapping[str, Grant]
    revision: int


class UpstreamTimedOut(UpstreamUnavailable):
    """No answer within the time given to the question."""


class AccessSource(Protocol):
    """Knows the entitlements first hand."""

    async def check_access(
        self, subject: str, product_ids: Sequence[str], *, timeout_s: float
    ) -> AccessAnswer:
        """Which of `product_ids` the subject may order.

        Raises:
            UpstreamTimedOut: no answer within `timeout_s` seconds.
            UpstreamUnavailable: no answer, for any other cause.
        """
        ...


class DirectCallResolver:
    """Asks for what the cache lacks, once for all who lack the same.

    With a cache that keeps nothing (TTL 0) each order asks on its own: the uncached baseline.
    """

    def __init__(
        self, source: AccessSource, cache: AnswerCache[Grant], *, timeout_s: float = 1.0
    ) -> None:
        """`timeout_s` bounds one question to the source, in seconds."""
        self._source = source
        self._cache = cache
        self._timeout_s = timeout_s
        self._flights: SingleFlight[tuple[str, Missing, int], AccessAnswer] = SingleFlight(
            cache.shortest_ttl_s, cache.now
        )

    async def resolve(self, query: AccessQuery) -> Mapping[str, Grant]:
        """See `orders_svc.access.Resolver`.

        Raises:
            UpstreamUnavailable: products gave no answer and the cache has none.
            RevisionNotReached: products answered as of a revision below `query.min_revision`.
            DeadlineSpent: the caller's time was up first.
        """
        grants: dict[str, Grant] = {}
        missing = self._look_up(query, grants)
        if missing:
            grants |= await self._ask(query, missing)
        return grants

    async def close(self) -> None:
        """End the questions that still run."""
        await self._flights.close()

    def _look_up(self, query: AccessQuery, grants: dict[str, Grant]) -> Missing:
        """Put what the cache grants into `grants`; return the ids it knows nothing about."""
        missing = set()
        for product_id in query.product_ids:
            answer = self._cache.get(query.subject, product_id, query.min_revision)
            if answer is None:
                missing.add(product_id)
            elif answer.value is not None:
                grants[product_id] = answer.value
        return tuple(sorted(missing))

    async def _ask(self, query: AccessQuery, missing: Missing) -> Mapping[str, Grant]:
        ask = self._ask_together if self._cache.enabled else self._ask_alone
        answer = await ask(query, missing)
        if answer.revision < query.min_revision:
            raise RevisionNotReached(f"products answered as of {answer.revision}")
        return answer.grants

    async def _ask_together(self, query: AccessQuery, missing: Missing) -> AccessAnswer:
        """One question for all who want the same; it has the service's time, each waiter its own.

        The required revision is part of the key: a question may have been sent before the change
        that a later caller demands to see. One that has been under way for longer than an answer
        may be remembered is not joined.
        """
        return await self._flights.run(
            (query.subject, missing, query.min_revision),
            partial(self._fetch, query.subject, missing),
            query.time_left_s,
        )

    async def _ask_alone(self, query: AccessQuery, missing: Missing) -> AccessAnswer:
        left_s = query.time_left_s
        if left_s is None or left_s >= self._timeout_s:
            return await self._source.check_access(
                query.subject, missing, timeout_s=self._timeout_s
            )
        if left_s <= 0:
            raise DeadlineSpent
        try:
            return await self._source.check_access(query.subject, missing, timeout_s=left_s)
        except UpstreamTimedOut as error:
            raise DeadlineSpent from error

    async def _fetch(self, subject: str, missing: Missing) -> AccessAnswer:
        asked_at = self._cache.now()
        answer = await self._source.check_access(subject, missing, timeout_s=self._timeout_s)
        for product_id in missing:
            grant = answer.grants.get(product_id)
            self._cache.put(subject, product_id, Answer(grant, answer.revision, asked_at))
        return answer
