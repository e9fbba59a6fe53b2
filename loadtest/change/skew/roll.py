"""Rolls services from version 1 of the state to version 2 and back, while customers order."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.change.crowd.values import Outcome
from loadtest.change.skew.fleet import Fleet
from loadtest.change.skew.knobs import SkewKnobs
from loadtest.change.skew.moves import Move
from loadtest.change.skew.record import Roll, Step, Way
from loadtest.change.timeline import Span, refusals, timeline


@dataclass(frozen=True, slots=True)
class Rolled:
    """When the steps of one roll began, and when it ended. Seconds since the Unix epoch."""

    way: Way
    order: str
    begin: float
    end: float
    moves: Sequence[tuple[Move, float]]

    def of(self, outcomes: Sequence[Outcome], bucket_s: float) -> Roll:
        """What became of one strategy's orders."""
        span = Span(self.begin, self.end)
        within = [each for each in outcomes if each.at in span]
        ends = [at for _, at in self.moves[1:]] + [self.end]
        steps = [
            _step(move, Span(at, end), self.begin, within)
            for (move, at), end in zip(self.moves, ends, strict=True)
        ]
        return Roll(
            way=self.way,
            order=self.order,
            steps=tuple(steps),
            wanted=len(within),
            failed=sum(not each.served for each in within),
            timeline=timeline(within, span, bucket_s),
        )


def _step(move: Move, span: Span, begin: float, outcomes: Sequence[Outcome]) -> Step:
    within = [each for each in outcomes if each.at in span]
    return Step(
        name=str(move), at_s=span.begin - begin, wanted=len(within), failed=refusals(within)
    )


def roll(way: Way, order: str, moves: Sequence[Move], fleet: Fleet, knobs: SkewKnobs) -> Rolled:
    """Do `moves`, one after another; `order` is what the roll is called.

    Raises:
        StartFailed, HopFailed: see `Move.do`.
    """
    begin, done = time.time(), []
    for move in moves:
        done.append((move, time.time()))
        move.do(fleet)
        time.sleep(move.dwell_s(knobs))
    return Rolled(way, order, begin, time.time(), done)
