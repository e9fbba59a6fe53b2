"""A client that hangs or dies is an outcome, and the next ask gets a new one."""

import sys

from loadtest.limits.asks import Ask, End, Outcome
from loadtest.limits.client_process import ClientProcess

QUICK = Ask(deadline_s=0.05)


def client(code: str, grace_s: float = 20.0) -> ClientProcess:
    return ClientProcess([sys.executable, "-c", code], grace_s=grace_s)


def test_a_client_that_dies_is_told_with_its_code() -> None:
    with client("import sys; input(); sys.exit(7)") as process:
        (outcome,) = process.run(QUICK)
    assert outcome.end is End.DIED
    assert "7" in outcome.text
    assert not outcome.passed


def test_a_client_that_hangs_is_ended() -> None:
    with client("import time; time.sleep(600)", grace_s=0.2) as process:
        (outcome,) = process.run(QUICK)
    assert outcome.end is End.HUNG


def test_every_one_of_several_calls_gets_its_outcome() -> None:
    with client("import sys; sys.exit(1)") as process:
        assert len(process.run(Ask(times=3))) == 3


def test_the_next_ask_starts_the_client_again() -> None:
    line = f"[{Outcome(end=End.ANSWERED, grpc=0).to_json()}]"
    with client(f"input(); print({line!r}, flush=True)") as process:
        assert [process.run(QUICK)[0].end for _ in range(2)] == [End.ANSWERED, End.DIED]
        assert process.run(QUICK)[0].end is End.ANSWERED


def test_asks_and_outcomes_survive_their_line() -> None:
    ask = Ask(request=(1, 2), extra=(("authorization", "Bearer x"),), first=True)
    assert Ask.from_json(ask.to_json()) == ask
