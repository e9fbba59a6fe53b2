"""Watermarks against a memory without bounds: never less strict, stricter only where they must."""

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from waybill.watermarks import Watermarks

RETENTION_S = 10.0
MAX_SUBJECTS = 4
SUBJECTS = [f"user-{number}" for number in range(7)]
NAMES = st.sampled_from(SUBJECTS)
REVISIONS = st.integers(1, 40)


def watermarks() -> Watermarks:
    return Watermarks(retention_s=RETENTION_S, max_subjects=MAX_SUBJECTS)


@dataclass
class Model:
    """Everything that was ever told in the present epoch."""

    epoch: int = 0
    begun: int = 0
    losses: list[tuple[str, int, float]] = field(default_factory=list)

    def last_loss(self, subject: str) -> int:
        return max((revision for who, revision, _ in self.losses if who == subject), default=0)

    def first_told(self) -> dict[tuple[str, int], float]:
        told: dict[tuple[str, int], float] = {}
        for subject, revision, now in self.losses:
            told.setdefault((subject, revision), now)
        return told


class AgainstTheModel(RuleBasedStateMachine):
    """Losses in any order, repeated or not; time that also jumps back; epochs; more than fits."""

    def __init__(self) -> None:
        super().__init__()
        self.watermarks = watermarks()
        self.model = Model()
        self.now = 0.0
        self.went_back = False
        self.overflowed = False

    @rule(subject=NAMES, revision=REVISIONS)
    def lose(self, subject: str, revision: int) -> None:
        self.model.losses.append((subject, revision, self.now))
        live = {who for (who, _), told in self.model.first_told().items() if self.recent(told)}
        self.overflowed |= len(live) > MAX_SUBJECTS or len(self.watermarks) == MAX_SUBJECTS
        self.watermarks.lose(subject, revision, self.now)

    @rule(seconds=st.floats(0.0, 15.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.watermarks.forget(self.now)

    @rule(seconds=st.floats(0.1, 20.0))
    def the_clock_is_set_back(self, seconds: float) -> None:
        self.now -= seconds
        self.went_back = True
        self.watermarks.forget(self.now)

    @rule(revision=REVISIONS)
    def begin_again(self, revision: int) -> None:
        self.model.begun = max(self.model.begun, revision)
        self.watermarks.begin(self.model.epoch, revision, epoch_began_at=99.0)

    @rule(revision=REVISIONS)
    def begin_anew(self, revision: int) -> None:
        self.model = Model(self.model.epoch + 1, revision)
        self.overflowed = False
        self.watermarks.begin(self.model.epoch, revision, epoch_began_at=self.model.epoch * 100.0)

    @rule(revision=REVISIONS)
    def an_older_history_turns_up(self, revision: int) -> None:
        self.watermarks.begin(self.model.epoch - 1, revision, epoch_began_at=1.0)

    @invariant()
    def nothing_revoked_is_believed(self) -> None:
        for subject in SUBJECTS:
            assert self.watermarks.least(subject) >= self.model.last_loss(subject)
            assert self.watermarks.least(subject) >= self.model.begun

    @invariant()
    def nothing_else_is_refused_before_it_has_expired(self) -> None:
        """State that is as new as everything that was told too long ago to be remembered."""
        if self.overflowed or self.went_back:
            return
        told = self.model.first_told().items()
        old = max((revision for (_, revision), at in told if not self.recent(at)), default=0)
        for subject in SUBJECTS:
            most = max(self.model.last_loss(subject), self.model.begun, old)
            assert self.watermarks.least(subject) <= most

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.watermarks) <= MAX_SUBJECTS
        if not self.went_back:
            losers = {who for who, _, at in self.model.losses if self.recent(at)}
            self.watermarks.forget(self.now)
            assert len(self.watermarks) <= len(losers)

    @invariant()
    def state_of_an_earlier_history_is_too_old(self) -> None:
        assert self.watermarks.issued_from == self.model.epoch * 100.0

    def recent(self, told_at: float) -> bool:
        return self.now - told_at <= RETENTION_S


TestAgainstTheModel = AgainstTheModel.TestCase
TestAgainstTheModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_one_loss_concerns_one_subject() -> None:
    marks = watermarks()
    marks.begin(1, 5, 0.0)
    marks.lose("ada", 9, now=0.0)
    assert [marks.least(who) for who in ("ada", "bob")] == [9, 5]


def test_what_is_forgotten_raises_the_floor_for_all() -> None:
    marks = watermarks()
    marks.lose("ada", 9, now=0.0)
    marks.forget(RETENTION_S)
    assert (len(marks), marks.floor) == (1, 0)
    marks.forget(RETENTION_S + 0.1)
    assert (len(marks), marks.floor) == (0, 9)


def test_more_than_fits_raises_it_too() -> None:
    marks = watermarks()
    for number, subject in enumerate(SUBJECTS, 1):
        marks.lose(subject, number, now=0.0)
    assert (len(marks), marks.floor) == (MAX_SUBJECTS, len(SUBJECTS) - MAX_SUBJECTS)


def test_a_new_loss_renews_the_watermark() -> None:
    marks = watermarks()
    marks.lose("ada", 1, now=0.0)
    marks.lose("bob", 2, now=5.0)
    marks.lose("ada", 3, now=9.0)
    marks.forget(16.0)
    assert (len(marks), marks.floor, marks.least("ada")) == (1, 2, 3)


def test_a_repeated_loss_does_not() -> None:
    marks = watermarks()
    marks.lose("ada", 1, now=0.0)
    marks.lose("ada", 1, now=9.0)
    marks.forget(RETENTION_S + 1)
    assert len(marks) == 0


@pytest.mark.parametrize("bounds", [(0.0, 1), (1.0, 0), (-1.0, 1)])
def test_bounds_must_leave_room(bounds: tuple[float, int]) -> None:
    with pytest.raises(ValueError, match="room"):
        Watermarks(retention_s=bounds[0], max_subjects=bounds[1])
