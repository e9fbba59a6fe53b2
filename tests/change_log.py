"""A log of changes made of a list, with products' publisher for it, and those who read it."""

from collections.abc import AsyncGenerator, Sequence
from copy import deepcopy

from orders_svc.feed.joining import Stands, stands
from orders_svc.feed.recent import TICK_S, Logged
from products_svc.feed.publisher import Published, begins_after
from products_svc.store.values import Position
from shop.products.v1.products_pb2 import WatchAccessResponse
from tests.feed_kit import Products
from tests.unit.test_replica_stateful import mishandled
from waybill.errors import UpstreamUnavailable

Mishaps = Sequence[tuple[str, int]]


class Log:
    """Holds at most `keep` messages, of which the newest heartbeat is one. Its clock may be off."""

    def __init__(self) -> None:
        self.keep = 1000
        self.clock_is_off_s = 0.0
        self.messages: list[Logged] = []
        self._ticks = 0

    def copy(self) -> "Log":
        return deepcopy(self)

    def publish(self, products: Products, now: float) -> list[Logged]:
        """Everything that `products` has committed since, and a heartbeat, unless it is behind.

        Answers what comes next: another heartbeat.
        """
        here = Position(products.epoch, products.revision, products.floor)
        start = begins_after(self._newest(), here)
        if start is None:
            return []
        self.messages = [each for each in self.messages if not each.event.HasField("heartbeat")]
        for event in (*products.changes_after(start.revision, 1), products.beat()):
            self._ticks += 1
            self.messages.append(Logged(event, now + self.clock_is_off_s + self._ticks * TICK_S))
        self.messages = self.messages[-self.keep :]
        return self.messages[-1:]

    def lose(self, index: int) -> None:
        if self.messages:
            del self.messages[index % len(self.messages)]

    def _newest(self) -> Published | None:
        return max((_published(event) for event, _ in self.messages), default=None)


def _published(event: WatchAccessResponse) -> Published:
    if event.HasField("heartbeat"):
        return Published(event.epoch, event.heartbeat.revision)
    return Published(event.epoch, event.changes.changes[-1].revision)


class LogReader:
    """See `orders_svc.feed.recent.ChangeLog`.

    What is `late` comes first, then what the log holds, with these mishaps, then what is `coming`.
    """

    def __init__(
        self,
        log: Log,
        coming: Sequence[Logged] = (),
        mishaps: Mishaps = (),
        late: Sequence[WatchAccessResponse] = (),
    ) -> None:
        self._messages = log.messages
        self._coming = coming
        self._mishaps = mishaps
        self._late = late

    async def stands(self, now: float) -> Stands:
        found = stands(self._last("heartbeat"), self._last("changes"), now)
        if found is None:
            raise UpstreamUnavailable("the log does not say where its history stands")
        return found

    async def since(self, logged_at: float) -> AsyncGenerator[Logged, None]:
        held = [each for each in self._messages if each.logged_at >= logged_at]
        at = {id(each.event): each.logged_at for each in held}
        arriving = mishandled([each.event for each in held], list(self._mishaps))
        for event in self._late:
            if not event.HasField("changes_start"):  # which a log does not hold
                yield Logged(event, logged_at)
        for event in arriving:
            yield Logged(event, at[id(event)])
        for logged in self._coming:
            yield logged

    def _last(self, kind: str) -> WatchAccessResponse | None:
        found = [event for event, _ in self._messages if event.WhichOneof("event") == kind]
        return found[-1] if found else None
