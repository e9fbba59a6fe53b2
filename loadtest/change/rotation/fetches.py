"""Fetches of keys, from the log of the service that fetches."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from loadtest.change.rotation.record import KeyFetch
from waybill.keys import MISSING_EVERY_S, Cause
from waybill.serving.key_sources import KEYS_LOADED, KEYS_LOOKED_AT, KEYS_UNUSABLE

_EVENTS = frozenset({KEYS_LOADED, KEYS_LOOKED_AT, KEYS_UNUSABLE})


def fetches(lines: Iterable[str], begin: float) -> Iterator[KeyFetch]:
    """The fetches in a log at level debug, but for the regular ones that brought nothing.

    `begin` is the time that counts as 0, in seconds since the Unix epoch.
    """
    for line in lines:
        entry = _entry(line)
        if isinstance(entry, dict) and entry.get("event") in _EVENTS:
            changed = entry["event"] == KEYS_LOADED
            if changed or entry["cause"] == Cause.MISSING_KEY:
                yield KeyFetch(
                    keys=Path(entry["path"]).name,
                    at_s=datetime.fromisoformat(entry["timestamp"]).timestamp() - begin,
                    cause=entry["cause"],
                    changed=changed,
                )


def _entry(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:  # not all that a process says on standard error is its log
        return None


def most_at_once(found: Sequence[KeyFetch], within_s: float = MISSING_EVERY_S) -> int:
    """The most fetches for unknown key ids within so many seconds, of one kind of keys."""
    missing = [each for each in found if each.cause == Cause.MISSING_KEY]
    return max((_following(each, missing, within_s) for each in missing), default=0)


def _following(first: KeyFetch, found: Iterable[KeyFetch], within_s: float) -> int:
    return sum(
        each.keys == first.keys and first.at_s <= each.at_s < first.at_s + within_s
        for each in found
    )
