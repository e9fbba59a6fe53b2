"""Calls that reached a service, from its own log at level debug: one line for each.

A customer's retries repeat the call's `x-request-id`, which begins with the strategy; what orders
asks products in its own name belongs to the strategy that asks so.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from loadtest.change.timeline import Span
from waybill.strategy import Strategy

_ASKED_BY: Final[Mapping[str, str]] = MappingProxyType(
    {"CheckAccess": Strategy.DIRECT_CALL.value, "WatchAccess": Strategy.REPLICA.value}
)
"""Strategies by the method that only they have called."""


@dataclass(frozen=True, slots=True)
class SeenCall:
    """One call: when it ended, in seconds since the Unix epoch, and for which strategy it was."""

    at: float
    strategy: str


def seen_calls(log: Path) -> list[SeenCall]:
    """The calls in a log; a file that is not there has none."""
    if not log.exists():
        return []
    with log.open(encoding="utf-8", errors="replace") as lines:
        return list(_calls(lines))


def _calls(lines: Iterable[str]) -> Iterator[SeenCall]:
    for line in lines:
        entry = _entry(line)
        if isinstance(entry, dict) and {"method", "request_id", "timestamp"} <= entry.keys():
            at = datetime.fromisoformat(entry["timestamp"]).timestamp()
            yield SeenCall(at, _strategy(entry["method"], entry["request_id"]))


def _entry(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:  # not all that a process says on standard error is its log
        return None


def _strategy(method: str, request_id: str) -> str:
    return _ASKED_BY.get(method.rpartition(".")[2], request_id.partition(".")[0])


def calls_of(strategy: str, calls: Iterable[SeenCall], span: Span) -> int:
    """How many of `calls` were for `strategy` and ended within `span`."""
    return sum(call.strategy == strategy and call.at in span for call in calls)
