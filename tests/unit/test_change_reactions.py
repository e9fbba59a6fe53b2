"""How long a change took to be seen."""

import pytest

from loadtest.change.oracle import NONE, Commit, Decision, Interval, Key, Right, Verdict
from loadtest.change.reactions import reactions

KEY = Key("alice", "tea")
ANY = Right(granted=True)
LITTLE = Right(granted=True, maximum=1)


def seen(
    before: Right, commits: list[tuple[Right, float]], answers: str, quantity: int = 1
) -> list[tuple[bool, float | None, float]]:
    """`answers` has a letter for each whole second from 0: Accepted, Refused, Undecided, or none.

    Each order takes half a second, each change a quarter.
    """
    verdicts = {"A": Verdict.ACCEPTED, "R": Verdict.REFUSED, "U": Verdict.UNDECIDED}
    decisions = [
        Decision(KEY, quantity, Interval(second, second + 0.5), verdicts[letter])
        for second, letter in enumerate(answers)
        if letter in verdicts
    ]
    made = [Commit(KEY, right, Interval(at - 0.25, at)) for right, at in commits]
    return [(r.allows, r.seen_s, r.unseen_s) for r in reactions(before, made, decisions)]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("AAARRR", (False, 1.5, 0.0)),
        ("AAAARR", (False, 2.5, 1.0)),
        ("AAAARUR", (False, 2.5, 1.0)),
        ("AAARARR", (False, 3.5, 2.0)),
        ("AAARAA", (False, None, 3.0)),
        ("AA", (False, None, 0.0)),
    ],
)
def test_a_loss_is_seen_when_nothing_is_accepted_any_more(
    answers: str, expected: tuple[bool, float | None, float]
) -> None:
    assert seen(ANY, [(NONE, 2)], answers) == [expected]


def test_a_grant_is_seen_when_it_is_used() -> None:
    assert seen(NONE, [(ANY, 2)], "RRRURAR") == [(True, 3.5, 2.0)]
    assert seen(NONE, [(ANY, 2)], "RRRR") == [(True, None, 1.0)]


def test_the_next_change_ends_the_time_for_the_one_before() -> None:
    found = seen(ANY, [(NONE, 2), (ANY, 5)], "AAAAAARRA")
    assert found == [(False, None, 2.0), (True, 0.5, 0.0)]


def test_what_was_not_seen_to_come_is_not_seen_to_go() -> None:
    orders = [
        Decision(KEY, 1, Interval(second, second + 0.5), Verdict.REFUSED) for second in range(9)
    ]
    commits = [Commit(KEY, ANY, Interval(2, 3)), Commit(KEY, NONE, Interval(6, 6))]
    assert [each.noticed for each in reactions(NONE, commits, orders)] == [True, False]


def test_changes_without_a_difference_are_none() -> None:
    assert seen(ANY, [(LITTLE, 2)], "AAAA") == []
    assert seen(NONE, [(NONE, 2)], "RRRR") == []
    assert seen(ANY, [(LITTLE, 2)], "AAAR", quantity=2) == [(False, 1.5, 0.0)]
    assert seen(ANY, [(NONE, 2)], "") == []
