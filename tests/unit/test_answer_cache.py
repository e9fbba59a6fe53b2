"""Answers live as long as promised at most, and older never replaces newer."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from waybill.answer_cache import Answer, AnswerCache, CacheLimits
from waybill.testing import FakeClock

LIMITS = CacheLimits(ttl_s=5.0, negative_ttl_s=1.0, jitter=0.0, max_entries=10)


def cache(clock: FakeClock, limits: CacheLimits = LIMITS, chance: float = 0.0) -> AnswerCache[str]:
    return AnswerCache(limits, clock, lambda: chance)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1000.0)


@pytest.mark.parametrize(("value", "ttl_s"), [("grant", 5.0), (None, 1.0)])
def test_lives_for_its_time(clock: FakeClock, value: str | None, ttl_s: float) -> None:
    answers = cache(clock)
    answer = Answer(value, 7, clock())
    answers.put("ada", "sku", answer)
    clock.advance(ttl_s - 0.001)
    assert answers.get("ada", "sku") == answer
    clock.advance(0.001)
    assert answers.get("ada", "sku") is None


def test_time_counts_from_before_the_question(clock: FakeClock) -> None:
    answers = cache(clock)
    asked_at = answers.now()
    clock.advance(4.0)  # the answer took that long
    answers.put("ada", "sku", Answer("grant", 7, asked_at))
    clock.advance(1.0)
    assert answers.get("ada", "sku") is None


def test_an_answer_that_took_too_long_is_not_kept(clock: FakeClock) -> None:
    answers = cache(clock)
    asked_at = answers.now()
    clock.advance(5.0)
    answers.put("ada", "sku", Answer("grant", 7, asked_at))
    assert len(answers) == 0


def test_jitter_only_shortens(clock: FakeClock) -> None:
    limits = CacheLimits(ttl_s=5.0, jitter=0.2, max_entries=10)
    answers = cache(clock, limits, chance=0.5)
    answers.put("ada", "sku", Answer("grant", 7, clock()))
    clock.advance(4.499)
    assert answers.get("ada", "sku")
    clock.advance(0.001)
    assert answers.get("ada", "sku") is None


def test_ttl_zero_keeps_nothing(clock: FakeClock) -> None:
    answers = cache(clock, CacheLimits(ttl_s=0.0))
    answers.put("ada", "sku", Answer("grant", 7, clock()))
    answers.put("ada", "not", Answer(None, 7, clock()))
    assert not answers.enabled
    assert answers.get("ada", "sku") is None
    assert len(answers) == 0


def test_negative_life_is_never_the_longer(clock: FakeClock) -> None:
    answers = cache(clock, CacheLimits(ttl_s=0.5, negative_ttl_s=60.0, jitter=0.0))
    answers.put("ada", "sku", Answer(None, 7, clock()))
    clock.advance(0.5)
    assert answers.get("ada", "sku") is None


def test_subjects_are_apart(clock: FakeClock) -> None:
    answers = cache(clock)
    answers.put("ada", "sku", Answer("grant", 7, clock()))
    assert answers.get("bob", "sku") is None
    assert answers.get("adas", "ku") is None


def test_required_revision(clock: FakeClock) -> None:
    answers = cache(clock)
    answers.put("ada", "sku", Answer("grant", 7, clock()))
    assert answers.get("ada", "sku", min_revision=7)
    assert answers.get("ada", "sku", min_revision=8) is None


def test_a_late_older_answer_changes_nothing(clock: FakeClock) -> None:
    answers = cache(clock)
    newer: Answer[str] = Answer(None, 8, clock())
    answers.put("ada", "sku", newer)
    answers.put("ada", "sku", Answer("grant", 7, clock() + 0.5))
    assert answers.get("ada", "sku") == newer


def test_entries_are_bounded(clock: FakeClock) -> None:
    answers = cache(clock)
    for n in range(100):
        answers.put("ada", str(n), Answer("grant", 7, clock()))
        answers.get("ada", "0")
    assert len(answers) == 10
    assert answers.get("ada", "0"), "least recently used goes first"


@pytest.mark.parametrize(
    "wrong",
    [
        {"ttl_s": -1.0},
        {"negative_ttl_s": -1.0},
        {"jitter": 1.1},
        {"jitter": -0.1},
        {"max_entries": 0},
    ],
)
def test_senseless_limits(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"is "):
        CacheLimits(**wrong)  # type: ignore[arg-type]


KEYS = st.tuples(st.sampled_from(["ada", "bob"]), st.sampled_from(["1", "2", "3"]))


class CacheAgainstSource(RuleBasedStateMachine):
    """A source that changes, questions in flight that are answered in any order."""

    questions = Bundle("questions")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock(0.0)
        self.limits = CacheLimits(ttl_s=5.0, negative_ttl_s=1.0, jitter=0.5, max_entries=4)
        self.cache: AnswerCache[str] = AnswerCache(self.limits, self.clock, lambda: 0.3)
        self.revision = 1
        self.truth: dict[tuple[str, str], str] = {}

    @rule(key=KEYS, granted=st.booleans())
    def change(self, key: tuple[str, str], granted: bool) -> None:
        self.revision += 1
        if granted:
            self.truth[key] = f"as of {self.revision}"
        else:
            self.truth.pop(key, None)

    @rule(seconds=st.floats(0.01, 3.0))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(target=questions, key=KEYS)
    def ask(self, key: tuple[str, str]) -> tuple[tuple[str, str], Answer[str]]:
        return key, Answer(self.truth.get(key), self.revision, self.cache.now())

    @rule(question=questions)
    def answer(self, question: tuple[tuple[str, str], Answer[str]]) -> None:
        key, answer = question
        held = self.cache.get(*key)
        self.cache.put(*key, answer)
        kept = self.cache.get(*key)
        if held is not None:
            assert kept is None or kept.revision >= held.revision

    @invariant()
    def nothing_outlives_its_time(self) -> None:
        for subject in ("ada", "bob"):
            for item in ("1", "2", "3"):
                answer = self.cache.get(subject, item)
                if answer is not None:
                    ttl_s = self.limits.ttl_s if answer.value else self.limits.negative_ttl_s
                    assert self.clock() - answer.asked_at < ttl_s

    @invariant()
    def bounded(self) -> None:
        assert len(self.cache) <= self.limits.max_entries


TestCacheAgainstSource = CacheAgainstSource.TestCase
