"""A call without a server, for tests of handlers; shipped, as `waybill.testing` is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from waybill.metadata import Entry
from waybill.serving.call import Caller


@dataclass(slots=True)
class FakeCall:
    """A `Call` made of plain values, which remembers what the handler did with it."""

    caller: Caller = field(default_factory=lambda: Caller("alice"))
    metadata: Sequence[Entry] = ()
    request_id: str = "request-1"
    time_left: float | None = None
    initial_metadata: list[Entry] = field(default_factory=list)
    accepted: list[dict[str, object]] = field(default_factory=list)

    def time_left_s(self) -> float | None:
        return self.time_left

    async def send_initial_metadata(self, entries: Iterable[Entry]) -> None:
        self.initial_metadata.extend(entries)

    def log_accepted(self, **facts: object) -> None:
        self.accepted.append(facts)
