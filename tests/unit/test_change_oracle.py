"""The oracle, by examples and against trying every moment that intervals allow."""

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from loadtest.change.oracle import (
    NONE,
    Bounds,
    Commit,
    Contradiction,
    Decision,
    Finding,
    Interval,
    Judgement,
    Key,
    Oracle,
    Right,
    Verdict,
)

KEY = Key("alice", "tea")
ANY = Right(granted=True)
TWO = Right(granted=True, maximum=2)
BOUNDS = Bounds(revoked_s=5, narrowed_s=20, granted_s=2, widened_s=9)


def commit(right: Right, begin: float, end: float, revision: int | None = None) -> Commit:
    return Commit(KEY, right, Interval(begin, end), revision)


def decision(verdict: Verdict, begin: float, end: float, quantity: int = 1) -> Decision:
    return Decision(KEY, quantity, Interval(begin, end), verdict)


def judged(
    before: Right,
    commits: list[Commit],
    verdict: Verdict,
    begin: float,
    end: float,
    quantity: int = 1,
) -> Judgement:
    oracle = Oracle({KEY: before} if before.granted else {}, commits)
    return oracle.judge(decision(verdict, begin, end, quantity), BOUNDS)


def test_what_nobody_changed_is_decided_by_what_was_there() -> None:
    assert judged(ANY, [], Verdict.ACCEPTED, 0, 1).finding is Finding.RIGHT
    assert judged(NONE, [], Verdict.REFUSED, 0, 1).finding is Finding.RIGHT
    assert judged(NONE, [], Verdict.ACCEPTED, 0, 1) == Judgement(Finding.NEVER_GRANTED, broken=True)
    assert judged(ANY, [], Verdict.REFUSED, 0, 1) == Judgement(Finding.NEVER_REFUSABLE, broken=True)


@pytest.mark.parametrize("when", [(9, 10), (10, 10.5), (10.5, 12), (5, 30), (11, 11)])
@pytest.mark.parametrize("verdict", [Verdict.ACCEPTED, Verdict.REFUSED])
def test_either_answer_may_be_right_while_a_change_is_under_way(
    when: tuple[float, float], verdict: Verdict
) -> None:
    assert judged(ANY, [commit(NONE, 10, 11)], verdict, *when).finding is Finding.RIGHT


def test_age_counts_from_the_acknowledgement_to_the_sending() -> None:
    revoked = [commit(NONE, 10, 11)]
    stale = judged(ANY, revoked, Verdict.ACCEPTED, 14, 19)
    assert stale == Judgement(Finding.STALE_ACCEPT, age_s=3)
    assert judged(ANY, revoked, Verdict.ACCEPTED, 16, 17).broken is False
    assert judged(ANY, revoked, Verdict.ACCEPTED, 16.1, 17).broken is True
    late = judged(NONE, [commit(ANY, 10, 11)], Verdict.REFUSED, 14, 15)
    assert late == Judgement(Finding.STALE_REFUSAL, age_s=3, broken=True)


def test_an_answer_from_before_the_change_was_asked_for_is_no_prophecy() -> None:
    granted = [commit(ANY, 10, 11)]
    assert judged(NONE, granted, Verdict.ACCEPTED, 7, 8).finding is Finding.NEVER_GRANTED
    assert judged(ANY, [commit(NONE, 10, 11)], Verdict.REFUSED, 7, 8).broken


def test_each_kind_of_change_has_its_bound() -> None:
    narrowed = [commit(TWO, 10, 11)]
    assert not judged(ANY, narrowed, Verdict.ACCEPTED, 30, 31, quantity=3).broken
    assert judged(ANY, narrowed, Verdict.ACCEPTED, 32, 33, quantity=3).broken
    assert judged(ANY, narrowed, Verdict.ACCEPTED, 32, 33, quantity=2) == Judgement(Finding.RIGHT)
    given = [commit(TWO, 10, 11)]
    assert judged(NONE, given, Verdict.REFUSED, 14, 15, quantity=2).broken
    widened = [commit(ANY, 10, 11)]
    assert not judged(TWO, widened, Verdict.REFUSED, 14, 15, quantity=3).broken
    assert judged(TWO, widened, Verdict.REFUSED, 21, 22, quantity=3).broken


def test_an_older_right_may_be_the_cause_within_a_longer_bound() -> None:
    commits = [commit(NONE, 1, 2), commit(ANY, 3, 4)]
    assert not judged(TWO, commits, Verdict.REFUSED, 7, 8, quantity=3).broken
    assert judged(NONE, commits, Verdict.REFUSED, 7, 8, quantity=3).broken


def test_a_later_change_has_its_own_bound() -> None:
    commits = [commit(TWO, 10, 11), commit(NONE, 12, 13)]
    within = judged(ANY, commits, Verdict.ACCEPTED, 17, 18, quantity=3)
    assert within == Judgement(Finding.STALE_ACCEPT, age_s=6)
    assert judged(ANY, commits, Verdict.ACCEPTED, 19, 20, quantity=3).broken


def test_the_latest_moment_at_which_it_was_right_counts() -> None:
    commits = [commit(NONE, 1, 2), commit(ANY, 10, 11), commit(NONE, 20, 21)]
    assert judged(ANY, commits, Verdict.ACCEPTED, 23, 24).age_s == 2


def test_what_could_not_be_known_is_never_wrong() -> None:
    assert judged(NONE, [], Verdict.UNDECIDED, 0, 1) == Judgement(Finding.UNDECIDED)


def test_revisions_of_other_keys_narrow_the_moment() -> None:
    other = Commit(Key("bob", "tea"), ANY, Interval(11, 12), 8)
    slow = commit(NONE, 10, 100, revision=7)
    assert judged(ANY, [slow], Verdict.ACCEPTED, 20, 21).finding is Finding.RIGHT
    stale = judged(ANY, [slow, other], Verdict.ACCEPTED, 20, 21)
    assert stale == Judgement(Finding.STALE_ACCEPT, age_s=8, broken=True)


def test_revisions_against_time_are_refused() -> None:
    with pytest.raises(Contradiction):
        Oracle({}, [commit(ANY, 10, 11, revision=2), commit(NONE, 12, 13, revision=1)])


# Small histories on a grid of whole seconds: every choice of moments can be tried.

KEYS = (Key("alice", "tea"), Key("bob", "tea"))
times = st.integers(0, 7)
rights = st.sampled_from([NONE, ANY, TWO])


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    begin, end = sorted((draw(times), draw(times)))
    return Interval(begin, end)


@st.composite
def histories(draw: st.DrawFn) -> list[Commit]:
    """Commits of two keys in the order of their revisions."""
    made = draw(st.lists(st.tuples(st.sampled_from(KEYS), rights, intervals()), max_size=4))
    return [Commit(*each, revision) for revision, each in enumerate(made, 1)]


def moments(commits: list[Commit]) -> Iterator[tuple[int, ...]]:
    """Every choice of one moment for each, in the order of revisions."""
    choices = (range(int(c.when.begin), int(c.when.end) + 1) for c in commits)
    for chosen in product(*choices):
        if list(chosen) == sorted(chosen):
            yield chosen


def rights_at(
    before: Right, own: list[tuple[Commit, int]], moment: int
) -> Iterator[tuple[Right, list[tuple[Right, int]]]]:
    """What may hold at `moment`, with the changes before it; both sides where they coincide."""
    for place in range(len(own) + 1):
        made, coming = own[:place], own[place:]
        if all(at <= moment for _, at in made) and all(at >= moment for _, at in coming):
            right = made[-1][0].right if made else before
            yield right, [(commit.right, at) for commit, at in made]


def tried(before: Right, commits: list[Commit], wanted: Decision) -> Judgement | None:
    """The mildest judgement over all moments; None where no moments fit."""
    if next(moments(commits), None) is None:
        return None
    if wanted.verdict is Verdict.UNDECIDED:
        return Judgement(Finding.UNDECIDED)
    accepted = wanted.verdict is Verdict.ACCEPTED
    found: list[Judgement] = []
    for chosen in moments(commits):
        own = [(c, at) for c, at in zip(commits, chosen, strict=True) if c.key == wanted.key]
        for moment in range(int(wanted.when.begin), int(wanted.when.end) + 1):
            for right, made in rights_at(before, own, moment):
                if right.allows(wanted.quantity) is accepted:
                    return Judgement(Finding.RIGHT)
                found.append(_wrong(before, made, wanted, accepted, moment))
    return min(found, key=lambda each: (each.broken, each.age_s))


def _wrong(
    before: Right,
    made: list[tuple[Right, int]],
    wanted: Decision,
    accepted: bool,
    moment: int,
) -> Judgement:
    states = [(before, 0), *made]
    causes = [n for n, (r, _) in enumerate(states) if r.allows(wanted.quantity) is accepted]
    if not causes:
        never = Finding.NEVER_GRANTED if accepted else Finding.NEVER_REFUSABLE
        return Judgement(never, broken=True)
    return Judgement(
        Finding.STALE_ACCEPT if accepted else Finding.STALE_REFUSAL,
        age_s=moment - states[causes[-1] + 1][1],
        broken=not any(
            all(
                moment - at <= BOUNDS.of(states[cause][0], right, wanted.quantity)
                for right, at in states[cause + 1 :]
            )
            for cause in causes
        ),
    )


decisions = st.builds(
    Decision, st.sampled_from(KEYS), st.sampled_from([1, 3]), intervals(), st.sampled_from(Verdict)
)


@settings(max_examples=400)
@given(st.sampled_from([NONE, ANY, TWO]), histories(), decisions)
@example(NONE, [Commit(KEYS[0], ANY, Interval(0, 0), 1)], decision(Verdict.REFUSED, 3, 4))
def test_the_oracle_says_what_trying_every_moment_says(
    before: Right, commits: list[Commit], wanted: Decision
) -> None:
    expected = tried(before, commits, wanted)
    if expected is None:
        with pytest.raises(Contradiction):
            Oracle(dict.fromkeys(KEYS, before), commits)
        return
    oracle = Oracle(dict.fromkeys(KEYS, before), commits)
    assert oracle.judge(wanted, BOUNDS) == expected


@given(st.sampled_from([NONE, ANY]), histories(), decisions, st.sets(st.integers(0, 3)))
def test_without_some_revisions_it_never_says_more(
    before: Right, commits: list[Commit], wanted: Decision, unknown: set[int]
) -> None:
    assume(tried(before, commits, wanted) is not None)
    partly = [Commit(c.key, c.right, c.when) if n in unknown else c for n, c in enumerate(commits)]
    whole, partial = (Oracle(dict.fromkeys(KEYS, before), each) for each in (commits, partly))
    sure, unsure = whole.judge(wanted, BOUNDS), partial.judge(wanted, BOUNDS)
    if unsure.finding is not Finding.RIGHT:
        assert sure.finding is unsure.finding
        assert sure.age_s >= unsure.age_s
        assert sure.broken >= unsure.broken
