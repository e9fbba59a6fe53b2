"""A bounded cache of another service's answers, each known to be of one revision and one moment.

An answer is kept for at most its time to live, counted from the moment *before* the question was
sent, because it may be as old as that. Jitter only ever shortens a life, so the TTL stays an upper
bound of staleness while entries that were stored together don't expire together. A negative answer
("no such thing for this subject") lives shorter: what was just allowed should work soon.

The key is the pair of subject and item, and there is no way to ask without the subject.

Not for use from several threads: one event loop owns an `AnswerCache`.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import TLRUCache

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Answer(Generic[Value]):
    """What the source said about one item: `value` None says that there is none.

    `revision` is the source's at the time of the answer; `asked_at` is when the question was about
    to be sent, in seconds of the cache's clock.
    """

    value: Value | None
    revision: int
    asked_at: float


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """How long and how much is kept.

    `ttl_s` 0 keeps nothing at all. `negative_ttl_s` is cut to `ttl_s`. `jitter` is the largest part
    of a life, 0 to 1, that chance may take away. `max_entries` bounds positive and negative entries
    together; the least recently used goes first.
    """

    ttl_s: float = 5.0
    negative_ttl_s: float = 1.0
    jitter: float = 0.1
    max_entries: int = 100_000

    def __post_init__(self) -> None:
        if self.ttl_s < 0 or self.negative_ttl_s < 0:
            raise ValueError("a time to live is 0 or more seconds")
        if not 0 <= self.jitter <= 1:
            raise ValueError("jitter is a part of the time to live, from 0 to 1")
        if self.max_entries < 1:
            raise ValueError("max_entries is at least 1")


class AnswerCache(Generic[Value]):
    """Answers by subject and item."""

    def __init__(
        self,
        limits: CacheLimits,
        clock: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`clock` counts seconds and must not run backwards; `chance` draws from 0 to below 1."""
        self._limits = limits
        self._clock = clock
        self._chance = chance
        self._answers: TLRUCache[tuple[str, str], Answer[Value]] = TLRUCache(
            limits.max_entries, ttu=lambda _key, answer, _now: self._expiry(answer), timer=clock
        )

    def __len__(self) -> int:
        """Entries held, those not yet swept after their expiry included."""
        return len(self._answers)

    @property
    def enabled(self) -> bool:
        """Whether anything is ever kept."""
        return self._limits.ttl_s > 0

    @property
    def shortest_ttl_s(self) -> float:
        """How long every kind of answer may be reused."""
        return min(self._limits.ttl_s, self._limits.negative_ttl_s)

    def now(self) -> float:
        """The cache's clock: read it just before a question is sent, for `Answer.asked_at`."""
        return self._clock()

    def get(self, subject: str, item: str, min_revision: int = 0) -> Answer[Value] | None:
        """The live answer of at least `min_revision`, or None."""
        try:
            answer = self._answers[subject, item]
        except KeyError:
            return None
        return answer if answer.revision >= min_revision else None

    def put(self, subject: str, item: str, answer: Answer[Value]) -> None:
        """Keep `answer`, unless it is too old already or a newer one is held."""
        if self.enabled and not self._is_outdone(subject, item, answer):
            self._answers[subject, item] = answer

    def _is_outdone(self, subject: str, item: str, answer: Answer[Value]) -> bool:
        held = self.get(subject, item)
        if held is None:
            return False
        return (held.revision, held.asked_at) > (answer.revision, answer.asked_at)

    def _expiry(self, answer: Answer[Value]) -> float:
        limits = self._limits
        ttl_s = limits.ttl_s
        if answer.value is None:
            ttl_s = min(ttl_s, limits.negative_ttl_s)
        return answer.asked_at + ttl_s * (1 - limits.jitter * self._chance())
