"""What lies between products and the follower: it delays, loses, repeats, reorders and breaks."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from random import Random

from orders_svc.feed.steps import Position
from shop.products.v1.products_pb2 import WatchAccessResponse
from tests.simulation.history import Asked
from tests.simulation.notes import Notes
from tests.simulation.source import Source, Stream, left_behind
from waybill.errors import UpstreamUnavailable

LATE_S = 2.0
"""Most time that an event is on its way."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How likely each event meets each mishap, and how long it is on its way, in seconds."""

    breaks: float = 0.0
    hangs: float = 0.0
    loses: float = 0.0
    repeats: float = 0.0
    swaps: float = 0.0
    delay_s: float = 0.002


FAIR = Weather()
WEATHERS = (
    FAIR,
    FAIR,
    FAIR,
    Weather(breaks=0.03),
    Weather(hangs=0.03),
    Weather(loses=0.1),
    Weather(repeats=0.2, swaps=0.1),
    Weather(breaks=0.02, loses=0.03, repeats=0.1, swaps=0.05, delay_s=0.1),
    Weather(delay_s=LATE_S),
)


class Network:
    """The follower's `Feed`. Each stream has a weather of its own, until all is well."""

    def __init__(
        self, source: Source, notes: Notes, random: Random, copy: Callable[[], Awaitable[Position]]
    ) -> None:
        """`copy` tells where the follower's copy is."""
        self._source = source
        self._notes = notes
        self._random = random
        self._copy = copy
        self._late: deque[WatchAccessResponse] = deque(maxlen=4)
        self.healed = False

    async def watch(
        self, epoch: int, resume_revision: int
    ) -> AsyncGenerator[WatchAccessResponse, None]:
        """One stream through the weather of the moment."""
        copy, resume = await self._copy(), Position(epoch, resume_revision)
        self._notes.records.append(Asked(self._notes.at, copy, resume))
        await asyncio.sleep(self._delay(FAIR))
        if not self._source.up:
            raise UpstreamUnavailable("nobody is there")
        weather = self._random.choice(WEATHERS)
        for late in self._from_earlier_streams():
            yield late
        async with aclosing(self._routed(resume, await self._copy())) as events:
            async for event in self._through(events, weather):
                self._remember(event)
                yield event

    def _routed(self, resume: Position, copy: Position) -> Stream:
        """A stream of the source, or now and then of an instance that was left behind."""
        behind = [dead for dead in self._source.dead if (dead.epoch, dead.revision) < copy]
        if behind and not self.healed and self._random.random() < 0.3:
            dead = self._random.choice(behind)
            self._notes.happened(f"a dead instance answers, at {(dead.epoch, dead.revision)}")
            return left_behind(dead, *resume, self._notes)
        return self._source.stream(*resume)

    async def _through(self, events: Stream, weather: Weather) -> Stream:
        held: WatchAccessResponse | None = None
        async for event in events:
            now = FAIR if self.healed else weather
            await asyncio.sleep(self._delay(now))
            if self._happens(now.breaks):
                raise UpstreamUnavailable("the connection is lost")
            if self._happens(now.hangs):
                await asyncio.sleep(3600.0)
            if self._happens(now.loses):
                continue
            if held is None and self._happens(now.swaps):
                held = event
                continue
            yield event
            if held is not None:
                yield held
                held = None
            if self._happens(now.repeats):
                held = event

    def _from_earlier_streams(self) -> list[WatchAccessResponse]:
        """Changes and heartbeats that come late, as a proxy or a queue may bring them."""
        return [] if self.healed else [each for each in self._late if self._happens(0.2)]

    def _remember(self, event: WatchAccessResponse) -> None:
        if event.WhichOneof("event") in ("changes", "heartbeat"):
            self._late.append(event)

    def _delay(self, weather: Weather) -> float:
        return self._random.uniform(0.0005, weather.delay_s)

    def _happens(self, likely: float) -> bool:
        return likely > 0 and self._random.random() < likely
