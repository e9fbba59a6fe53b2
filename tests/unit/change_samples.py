"""Records of experiments under change, as small as they can be."""

from typing import Any

from loadtest.change.crowd.values import OK, Kind, Outcome
from loadtest.change.outage.record import OutageResult, Phase, Seen
from loadtest.change.timeline import Timeline

REFUSED = "UNAVAILABLE UPSTREAM_UNAVAILABLE"
NO_TIMELINE = Timeline(bucket_s=0.2, served=(0,), refused={})


def outcome(at: float, text: str = OK, **changes: Any) -> Outcome:
    values: dict[str, Any] = {"strategy": "replica", "kind": Kind.RETURNING, "late_s": 0.0}
    return Outcome(**{**values, "at": at, "took_s": 0.01, "text": text, **changes})


def phase(**changes: Any) -> Phase:
    values: dict[str, Any] = {
        "served": 0,
        "refused": {},
        "slowest_s": 0.0,
        "new_served": 0,
        "new_refused": {},
        "seen": Seen(wanted=0, ordered=0, orders=0, products=0),
    }
    return Phase(**{**values, **changes})


def outage_result(**changes: Any) -> OutageResult:
    values: dict[str, Any] = {
        "strategy": "replica",
        "target": "products",
        "fault": "killed",
        "began_s": 1.5,
        "ended_s": 8.5,
        "recovered_s": 0.5,
        "before": phase(),
        "during": phase(),
        "after": phase(),
        "timeline": NO_TIMELINE,
        "strangers": 10,
        "strangers_served": 0,
    }
    return OutageResult(**{**values, **changes})
