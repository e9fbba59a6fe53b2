"""Bugs that a test puts into real components are found by the oracle; without them it is silent."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtest.change.oracle import Finding
from orders_svc.replica import opening
from orders_svc.replica.writer import ReplicaWriter
from tests.integration.planted_kit import (
    Plant,
    Story,
    TimedWorld,
    broken,
    cached,
    findings,
    planted,
)
from waybill.answer_cache import Answer, AnswerCache
from waybill.references.cache import ReferenceCache
from waybill.strategy import Strategy
from waybill.verified_cache import Memory

SEED = 1


def ignored_revoke(_shop: TimedWorld, plant: pytest.MonkeyPatch) -> None:
    """The follower passes over what takes a right away."""

    class Writer(ReplicaWriter):
        async def apply(self, position: Any, changes: Any) -> None:
            await super().apply(position, [c for c in changes if c.HasField("granted")])

    plant.setattr(opening, "ReplicaWriter", Writer)


def dropped_change(_shop: TimedWorld, plant: pytest.MonkeyPatch) -> None:
    """The follower loses every fifth change, and goes on as if it had it."""

    class Writer(ReplicaWriter):
        async def apply(self, position: Any, changes: Any) -> None:
            await super().apply(position, [c for c in changes if c.revision % 5])

    plant.setattr(opening, "ReplicaWriter", Writer)


def off_by_one_resume(_shop: TimedWorld, plant: pytest.MonkeyPatch) -> None:
    """A new stream goes on one change too far."""

    class Writer(ReplicaWriter):
        async def meta(self) -> Any:
            meta = await super().meta()
            return meta._replace(revision=meta.revision + 1) if meta.epoch else meta

    plant.setattr(opening, "ReplicaWriter", Writer)


def ttl_from_the_last_use(shop: TimedWorld, plant: pytest.MonkeyPatch) -> None:
    """An answer lives on for as long as it is asked for."""

    class Cache(AnswerCache[Any]):
        def get(self, subject: str, item: str, min_revision: int = 0) -> Answer[Any] | None:
            answer = super().get(subject, item, min_revision)
            if answer is not None:
                self._answers[subject, item] = replace(answer, asked_at=self.now())
            return answer

    cached(Cache, shop, plant)


def cache_without_subject(shop: TimedWorld, plant: pytest.MonkeyPatch) -> None:
    """What was answered for one customer is taken for another."""

    class Cache(AnswerCache[Any]):
        def get(self, _subject: str, item: str, min_revision: int = 0) -> Answer[Any] | None:
            return super().get("anybody", item, min_revision)

        def put(self, _subject: str, item: str, answer: Answer[Any]) -> None:
            super().put("anybody", item, answer)

    cached(Cache, shop, plant)


def negative_as_long_as_positive(shop: TimedWorld, plant: pytest.MonkeyPatch) -> None:
    """What is not granted is remembered for as long as what is."""

    class Cache(AnswerCache[Any]):
        def _expiry(self, answer: Answer[Any]) -> float:
            return answer.asked_at + self._limits.ttl_s

    cached(Cache, shop, plant)


def remembered_for_ever(_shop: TimedWorld, plant: pytest.MonkeyPatch) -> None:
    """State that was verified once counts from then on, whatever its expiry says."""

    def recall(self: Any, digest: bytes) -> Any:
        verified = self._cache.get((self._owner, digest))
        return None if verified is None else verified.value

    plant.setattr(Memory, "recall", recall)


def reference_from_the_last_use(_shop: TimedWorld, plant: pytest.MonkeyPatch) -> None:
    """A resolved reference lives on for as long as it is used."""
    get = ReferenceCache.get

    def used(self: Any, name: bytes) -> Any:
        value = get(self, name)
        if value is not None:
            self.put(name, value, size_bytes=1, asked_at=self.now())
        return value

    plant.setattr(ReferenceCache, "get", used)


@pytest.mark.parametrize(
    ("plant", "strategy", "expected"),
    [
        (ignored_revoke, Strategy.REPLICA, {Finding.STALE_ACCEPT}),
        (dropped_change, Strategy.REPLICA, {Finding.STALE_ACCEPT}),
        (off_by_one_resume, Strategy.REPLICA, {Finding.STALE_ACCEPT}),
        (ttl_from_the_last_use, Strategy.DIRECT_CALL, {Finding.STALE_ACCEPT}),
        (cache_without_subject, Strategy.DIRECT_CALL, {Finding.NEVER_GRANTED}),
        (negative_as_long_as_positive, Strategy.DIRECT_CALL, {Finding.STALE_REFUSAL}),
        (remembered_for_ever, Strategy.MESSAGE_FIELD, {Finding.STALE_ACCEPT}),
        (reference_from_the_last_use, Strategy.REFERENCE, {Finding.STALE_ACCEPT}),
    ],
)
async def test_a_planted_bug_is_caught(
    plant: Plant,
    strategy: Strategy,
    expected: set[Finding],
    tmp_path: Path,
    valkey_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with planted(tmp_path, valkey_url, plant, monkeypatch) as shop:
        found = await Story(shop, strategy, SEED).told()
    assert broken(found) >= expected


@pytest.mark.parametrize("strategy", Strategy)
async def test_without_a_bug_nothing_is_beyond_the_bounds(
    strategy: Strategy, tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with planted(tmp_path, valkey_url, None, monkeypatch) as shop:
        found = await Story(shop, strategy, SEED).told()
    assert broken(found) == set()
    assert findings(found) >= {Finding.RIGHT}
