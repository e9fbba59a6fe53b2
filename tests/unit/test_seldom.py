from waybill.seldom import Seldom
from waybill.testing import FakeClock


def test_each_thing_is_said_once_in_a_while() -> None:
    said: list[str] = []
    clock = FakeClock()
    seldom = Seldom(said.append, key=str.lower, every_s=60, clock=clock)
    for word in ("a", "A", "b"):
        seldom(word)
    assert said == ["a", "b"]
    clock.advance(59.9)
    seldom("a")
    assert said == ["a", "b"]
    clock.advance(0.2)
    seldom("A")
    assert said == ["a", "b", "A"]
