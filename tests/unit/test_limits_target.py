"""Somebody else's path is asked politely, and without our code behind it."""

import pytest

from loadtest.limits.asks import HEALTH_METHOD, PROBE_METHOD, Ask, End, Outcome
from loadtest.limits.cases import Case, measure
from loadtest.limits.cli import main
from loadtest.limits.records import Direction, Shape
from loadtest.limits.target import (
    EnoughCalls,
    Manners,
    NotAnswering,
    Polite,
    Target,
    introduce,
    is_this_machine,
)
from waybill.testing import FakeClock

UNIMPLEMENTED = 12


class Stranger:
    """A service that knows neither probe nor health, behind a hop with a limit."""

    def __init__(self, limit: int = 5000) -> None:
        self.limit = limit
        self.asked: list[Ask] = []

    def run(self, ask: Ask) -> list[Outcome]:
        self.asked.append(ask)
        if sum(ask.request) > self.limit:
            return [Outcome(end=End.ANSWERED, http=431)]
        return [Outcome(end=End.ANSWERED, http=200, grpc=UNIMPLEMENTED)]


class Deaf:
    def run(self, ask: Ask) -> list[Outcome]:
        return [Outcome(end=End.CLOSED)] * ask.times


def test_the_same_answer_as_to_a_small_call_counts_as_passed() -> None:
    bench, _ = introduce(Target("127.0.0.1", 1), Stranger())
    limit = measure(bench, Case(Direction.REQUEST, Shape.SINGLE, 100_000))
    assert limit.largest == 5000
    assert limit.refusals[0].http == 431
    assert all(refusal.innocents == 0 for refusal in limit.refusals)


def test_first_the_probe_service_then_health_is_tried() -> None:
    stranger = Stranger()
    introduce(Target("127.0.0.1", 1), stranger)
    assert [ask.method for ask in stranger.asked] == [PROBE_METHOD, HEALTH_METHOD]


def test_a_given_method_is_the_only_one_called() -> None:
    stranger = Stranger()
    introduce(Target("127.0.0.1", 1, method="/a.B/C"), stranger)
    assert [ask.method for ask in stranger.asked] == ["/a.B/C"]


def test_a_target_that_does_not_answer_is_told() -> None:
    with pytest.raises(NotAnswering, match=r"127\.0\.0\.1:1 does not answer"):
        introduce(Target("127.0.0.1", 1), Deaf())


def test_calls_are_spaced_and_bounded() -> None:
    clock = FakeClock()
    polite = Polite(Stranger(), Manners(max_calls=3, calls_per_s=2), clock, clock.advance)
    began = clock()
    for _ in range(3):
        polite.run(Ask())
    assert clock() - began == pytest.approx(1.0)
    with pytest.raises(EnoughCalls):
        polite.run(Ask())


def test_time_is_bounded() -> None:
    clock = FakeClock()
    polite = Polite(Stranger(), Manners(calls_per_s=1, max_s=2), clock, clock.advance)
    for _ in range(3):
        polite.run(Ask())
    with pytest.raises(EnoughCalls):
        polite.run(Ask())


@pytest.mark.parametrize(
    ("text", "host", "port"), [("a.example:443", "a.example", 443), ("[::1]:5", "::1", 5)]
)
def test_targets_are_host_and_port(text: str, host: str, port: int) -> None:
    assert Target.parse(text) == Target(host, port)


@pytest.mark.parametrize("text", ["", "host", ":5", "host:", "host:http"])
def test_anything_else_is_no_target(text: str) -> None:
    with pytest.raises(ValueError, match="not host:port"):
        Target.parse(text)


def test_which_addresses_are_this_machine() -> None:
    assert is_this_machine("127.0.0.1")
    assert is_this_machine("::1")
    assert not is_this_machine("192.0.2.1")


def test_another_machine_is_not_probed_without_a_yes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--target", "192.0.2.1:50051"]) == 2
    assert "add --yes" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--hops", "squid"], ["--target", "nonsense"]])
def test_what_cannot_be_done_is_one_line_and_exit_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
