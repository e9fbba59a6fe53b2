"""Who reads whom, judged by the truth, and in which order services are rolled."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.change.skew.fleet import FIRST, READS_BOTH
from loadtest.change.skew.matrix import matrix
from loadtest.change.skew.moves import UPGRADES, Move, Restart, Shift
from loadtest.change.skew.probes import TRIES, Answer, Try, judged, met
from loadtest.change.skew.producers import Forms, Producer
from loadtest.change.skew.record import Meeting, Probe, Result, Roll, SkewResult, Step, Way
from loadtest.change.skew.roll import Rolled
from loadtest.change.skew.show import skew_parts
from loadtest.change.skew.strict import UnknownContent, strict_claims, strict_leaf, strict_message
from loadtest.table import console
from products_svc.terms import PageState
from products_svc.versions import CLAIMS, LEAVES, MESSAGES
from shop.state.v2.state_pb2 import AccessState, Grant
from tests.unit.change_samples import NO_TIMELINE, REFUSED, outcome
from waybill.strategy import Strategy

TRAVELLING = [
    *(Strategy.METADATA_JWT, Strategy.MESSAGE_FIELD, Strategy.PAGE_PROOF, Strategy.REFERENCE)
]
WORKS, REFUSES, WRONG = Result.WORKS, Result.REFUSED, Result.SILENTLY_WRONG
EXPECTED = {
    "v1": [REFUSES, REFUSES, REFUSES, REFUSES, REFUSES],
    "v1 and v2": [REFUSES, WORKS, WORKS, REFUSES, REFUSES],
    "v2": [REFUSES, WORKS, WORKS, REFUSES, WORKS],
    "v2, new fields": [REFUSES, WORKS, WORKS, REFUSES, REFUSES],
}
"""By producer: tolerant readers of v1, of both and of v2, then strict ones of v1 and of v2."""
V1 = ("v1", "tolerant")


async def test_every_strategy_has_the_same_matrix() -> None:
    for strategy, meetings in (await matrix(TRAVELLING)).items():
        found: dict[str, list[Result]] = {}
        for each in meetings:
            found.setdefault(each.producer, []).append(each.result)
        assert found == EXPECTED, strategy


async def test_a_newer_producer_breaks_only_the_strict_reader() -> None:
    for meetings in (await matrix(TRAVELLING)).values():
        newer = {(e.reader, e.consumer): e for e in meetings if e.producer == "v2, new fields"}
        assert newer["tolerant", "v2"].price_known
        assert newer["strict", "v2"].reasons == ("UNAUTHENTICATED STATE_INVALID",)


@pytest.mark.parametrize("strategy", TRAVELLING)
async def test_version_1_refuses_what_has_a_maximum_alone_and_knows_no_price(
    strategy: Strategy,
) -> None:
    (meetings,) = (await matrix([strategy])).values()
    for issued in ("v1", "v1 and v2"):
        (found,) = (e for e in meetings if (e.producer, e.consumer, e.reader) == (issued, *V1))
        assert [probe.name for probe in found.probes if probe.result is REFUSES] == [TRIES[1].name]
        assert found.reasons == ("PERMISSION_DENIED NOT_GRANTED",)
        assert found.probes[2].got == "PERMISSION_DENIED NOT_GRANTED"
        assert not found.price_known


def any_quantity(form: Callable[[PageState], Any]) -> Callable[[PageState], Any]:
    """`form` of a state that keeps its maxima to itself."""
    return lambda state: form(
        replace(state, content=tuple(replace(each, max_quantity=0) for each in state.content))
    )


def untrue() -> Sequence[Producer]:
    """One that lists grants with a maximum in version 1, as if they had none."""
    forms = Forms(*({1: any_quantity(form[1])} for form in (CLAIMS, MESSAGES, LEAVES)))
    return [Producer("v1", (1,), forms)]


@pytest.mark.parametrize("strategy", TRAVELLING)
async def test_a_producer_that_says_something_untrue_is_found(strategy: Strategy) -> None:
    (meetings,) = (await matrix([strategy], untrue)).values()
    first = meetings[0]
    assert (first.consumer, first.reader) == V1
    assert first.result is WRONG
    assert [probe.name for probe in first.probes if probe.result is WRONG] == [TRIES[2].name]


@pytest.mark.parametrize(
    ("price", "answer", "result"),
    [
        (9, Answer(price=9), WORKS),
        (9, Answer(price=None), WORKS),
        (9, Answer(price=8), WRONG),
        (9, Answer(refusal="UNAUTHENTICATED STATE_INVALID"), REFUSES),
        (None, Answer(refusal="PERMISSION_DENIED NOT_GRANTED"), WORKS),
        (None, Answer(price=None), WRONG),
        (0, Answer(price=0), WORKS),
    ],
)
def test_an_answer_is_judged_by_the_truth(
    price: int | None, answer: Answer, result: Result
) -> None:
    assert judged(Try("a try", "tea", 1, price), answer).result is result


@given(st.lists(st.sampled_from(Result), min_size=1))
def test_what_is_silently_wrong_outweighs_what_is_refused(results: list[Result]) -> None:
    probes = [Probe(name="", expected="", got=REFUSED, result=each) for each in results]
    made = met("v1", "v2", "tolerant", probes)
    assert (made.result is WRONG) == (WRONG in results)
    assert (made.result is WORKS) == (set(results) == {WORKS})
    assert bool(made.reasons) == (REFUSES in results)


def test_strict_decoders_refuse_what_they_do_not_know() -> None:
    own = {"iss": "", "aud": "", "sub": "", "iat": 0, "exp": 0, "rev": 1}
    decode = strict_claims(2, lambda _: {})
    assert decode({**own, "grants": [["tea", 1, 2]]}) == {}
    for more in ({"traceparent": ""}, {"grants": [["tea", 1, 2, "gift"]]}):
        with pytest.raises(UnknownContent):
            decode({**own, **more})
    unknown = Grant.FromString(b"\xa0\x06\x01")
    with pytest.raises(UnknownContent):
        strict_message(2, NotImplemented)(AccessState(grants=[unknown]).SerializeToString())
    with pytest.raises(UnknownContent):
        strict_leaf(2, NotImplemented)(unknown.SerializeToString(), 1)


class Imagined:
    """A fleet in thought: which versions are issued, and read by whom orders may go to."""

    def __init__(self, way: Way) -> None:
        self.versions = dict.fromkeys(("products", "orders-1", "orders-2"), FIRST)
        self.percent: int | None = None
        if way is Way.SPLIT:
            self.versions["orders-2"], self.percent = READS_BOTH, 0

    def do(self, move: Move) -> str | None:
        """The step's name if somebody may then get state of which it reads no version.

        What products issued before is still on its way.
        """
        issued = [self.versions["products"]]
        if isinstance(move, Shift):
            assert self.percent is not None, "customers choose"
            self.percent = move.percent
        elif isinstance(move, Restart):
            self.versions[move.process] = move.versions
            issued.append(self.versions["products"])
        bad = any(
            not set(state.split(",")) & set(reader.split(","))
            for state in issued
            for reader in self._readers()
        )
        return str(move) if bad else None

    def _readers(self) -> list[str]:
        """What those read to whom orders may go."""
        old, new = self.versions["orders-1"], self.versions["orders-2"]
        if self.percent is None or 0 < self.percent < 100:
            return [old, new]
        return [new if self.percent else old]


def unread(way: Way) -> dict[str, list[str]]:
    """The steps of each roll after which that may be."""
    fleet = Imagined(way)
    return {
        order: [bad for move in moves if (bad := fleet.do(move))]
        for order, moves in UPGRADES[way].rolls.items()
    }


def test_readers_first_never_shows_a_reader_what_it_cannot_read() -> None:
    assert [unread(way)["readers first"] for way in Way] == [[], []]


def test_producer_first_does_until_the_last_reader_has_followed() -> None:
    restarts, split = (unread(way)["producer first"] for way in Way)
    assert restarts == ["products v2", "orders-1 v1 and v2", "orders-1 v1"]
    assert split == ["products v2", "10% to new orders", "50% to new orders"]


def test_every_roll_begins_with_orders_where_they_were_at_first() -> None:
    for way, upgrade in UPGRADES.items():
        fleet = Imagined(way)
        begin = (fleet.percent, fleet.versions["orders-1"])
        for moves in upgrade.rolls.values():
            assert (fleet.percent, fleet.versions["orders-1"]) == begin
            for move in moves:
                fleet.do(move)


def test_a_roll_counts_its_orders_by_step() -> None:
    moves: list[tuple[Move, float]] = [(Restart("orders-1", "1,2"), 10.0), (Shift(10), 13.0)]
    outcomes = [outcome(9, REFUSED), outcome(10), outcome(12.9, REFUSED), outcome(13), outcome(15)]
    made = Rolled(Way.SPLIT, "readers first", 10, 16, moves).of(outcomes, 1)
    assert (made.title, made.wanted, made.failed) == ("readers first by traffic split", 4, 1)
    assert made.steps == (
        Step(name="orders-1 v1 and v2", at_s=0, wanted=2, failed={REFUSED: 1}),
        Step(name="10% to new orders", at_s=3, wanted=2, failed={}),
    )
    assert made.timeline.served == (1, 0, 0, 1, 0, 1)


async def test_the_terminal_shows_one_matrix_for_all_who_share_it() -> None:
    met_by = await matrix(TRAVELLING)
    step = Step(name="products v2", at_s=0, wanted=9, failed={REFUSED: 2})
    calm = step.model_copy(update={"failed": {}})
    rolled = Roll(order="producer first", steps=(step,), wanted=9, failed=2, timeline=NO_TIMELINE)
    lossless = rolled.model_copy(update={"way": Way.SPLIT, "steps": (calm, calm), "failed": 0})
    found = [
        SkewResult(strategy=strategy, matrix=tuple(meetings), rolls=(rolled, lossless))
        for strategy, meetings in met_by.items()
    ]
    out = console()
    with out.capture() as shown:
        for part in skew_parts(found):
            out.print(part)
    text = shown.get()
    assert text.count("v2, new fields") == 1
    assert "metadata-jwt, message-field, page-proof, reference" in text
    assert "2 of 9" in text
    plain = " ".join(text.split())
    assert "producer first by restarts products v2 8 of 36 22% upstream unavailable" in plain
    assert "producer first by traffic split all steps 0 of 72 0%" in plain


def test_a_meeting_that_nobody_survives_has_no_price() -> None:
    refused = Probe(name="", expected="OK 1", got=REFUSED, result=REFUSES)
    assert met("v2", "v1", "tolerant", [refused]) == Meeting(
        producer="v2",
        consumer="v1",
        reader="tolerant",
        result=REFUSES,
        reasons=(REFUSED,),
        price_known=False,
        probes=(refused,),
    )
