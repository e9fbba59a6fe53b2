"""Orders whose right outcome is known, and how what became of them is judged. Pure.

The truth is what the source has: grants with a maximum quantity and a price. Version 1 of the state
can say neither. So products leaves a grant with a maximum out of it; a producer that lists it says
something untrue, which no reader can tell.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.change.skew.record import Meeting, Probe, Result
from products_svc.issuing import Grant

GRANTS = (
    Grant("capped", max_quantity=5, unit_price_micros=9_000_000),
    Grant("plain", max_quantity=0, unit_price_micros=10_000_000),
)
"""What the customer may order, in the order of product ids."""


@dataclass(frozen=True, slots=True)
class Try:
    """One order of one product, and the price at which it should be accepted; None: refused."""

    name: str
    product_id: str
    quantity: int
    price: int | None


TRIES = (
    Try("any quantity of a product without a maximum", "plain", 100, 10_000_000),
    Try("the maximum", "capped", 5, 9_000_000),
    Try("one over the maximum", "capped", 6, None),
    Try("a product that was not granted", "other", 1, None),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a consumer said: a refusal's code and reason, or accepted with the price if known."""

    refusal: str | None = None
    price: int | None = None

    def __str__(self) -> str:
        return self.refusal or f"OK {'unknown' if self.price is None else self.price}"


def judged(tried: Try, answer: Answer) -> Probe:
    """Compare an answer with the truth.

    An unknown price is no wrong one: the order's record says that it does not know.
    """
    expected = "refused" if tried.price is None else f"OK {tried.price}"
    return Probe(name=tried.name, expected=expected, got=str(answer), result=_result(tried, answer))


def _result(tried: Try, answer: Answer) -> Result:
    if answer.refusal is not None:
        return Result.WORKS if tried.price is None else Result.REFUSED
    right = tried.price is not None and answer.price in {None, tried.price}
    return Result.WORKS if right else Result.SILENTLY_WRONG


def met(producer: str, consumer: str, reader: str, probes: Iterable[Probe]) -> Meeting:
    """Sum up; what is silently wrong outweighs what is refused."""
    probes = tuple(probes)
    results = {probe.result for probe in probes}
    refused = [probe.got for probe in probes if probe.result is Result.REFUSED]
    accepted = [probe.got for probe in probes if probe.got.startswith("OK ")]
    return Meeting(
        producer=producer,
        consumer=consumer,
        reader=reader,
        result=max(results, key=list(Result).index),
        reasons=tuple(dict.fromkeys(refused)),
        price_known=bool(accepted) and "OK unknown" not in accepted,
        probes=probes,
    )
