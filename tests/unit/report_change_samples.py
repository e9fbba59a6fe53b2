"""Made-up findings of the experiments under change, with figures that could be real."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Any

from loadtest.change.outage.record import OutageResult, Phase, Seen
from loadtest.change.record import UnderChange
from loadtest.change.rotation.record import KeyFetch, RotationResult
from loadtest.change.skew.matrix import matrix
from loadtest.change.skew.record import Meeting, Result, Roll, SkewResult, Step, Way
from loadtest.change.staleness.record import StalenessResult, StatedBounds, Times
from loadtest.change.timeline import Timeline
from waybill.strategy import Strategy

TRAVELS = (Strategy.METADATA_JWT, Strategy.MESSAGE_FIELD)
ALL = (*TRAVELS, Strategy.REPLICA, Strategy.DIRECT_CALL)
STEP_S = 0.2
UNAVAILABLE = "UNAVAILABLE UPSTREAM_UNAVAILABLE"
_BOUND_S = {Strategy.REPLICA: 2.0, Strategy.DIRECT_CALL: 1.0}


def times(middle_s: float, most_s: float, seed: str, count: int = 40) -> Times:
    random = Random(seed)
    drawn = (1000 * min(most_s, middle_s * random.lognormvariate(0, 1)) for _ in range(count))
    series = sorted(round(each, 1) for each in drawn)
    return Times(
        series_ms=tuple(series), p50_ms=series[count // 2], p99_ms=series[-1], max_ms=series[-1]
    )


def staleness_result(strategy: str, **changes: Any) -> StalenessResult:
    bound = _BOUND_S.get(Strategy(strategy), 3.0)
    values: dict[str, Any] = {
        "strategy": strategy,
        "clients": "hold" if strategy in TRAVELS else "carry nothing",
        "revocation": "expiry",
        "bounds": StatedBounds(
            words="expiry", revoked_s=bound, narrowed_s=bound, granted_s=bound, widened_s=bound
        ),
        "revoke_to_refusal": times(bound / 2, bound, strategy),
        "grant_to_accept": times(bound / 3, bound, f"{strategy} gain"),
        "wrong_age": times(bound / 3, bound, f"{strategy} wrong"),
        "decisions": 1900,
        "findings": {"right": 1800, "stale accept": 100},
        "flow_decisions": 1000,
        "flow_wrong": 90,
        "stranger_orders": 100,
        "stranger_served": 0,
        "broken": 0,
        "duration_s": 32.0,
        "changes_per_s": 200.0,
        "orders_per_s": 500.0,
        "late_p99_ms": 5.0,
        "settings": {"PRODUCTS_STATE_TTL_S": "2"},
    }
    return StalenessResult(**{**values, **changes})


def _staleness() -> tuple[StalenessResult, ...]:
    refresh = [staleness_result(each, clients="refresh") for each in TRAVELS]
    bounds = StatedBounds(
        words="lag of watermarks", revoked_s=1.0, narrowed_s=1.0, granted_s=3.0, widened_s=3.0
    )
    watermarks = [
        staleness_result(
            each,
            revocation="watermarks",
            bounds=bounds,
            revoke_to_refusal=times(0.02, 1.0, f"{each} watermarks"),
        )
        for each in TRAVELS
    ]
    return (*map(staleness_result, ALL), *refresh, *watermarks)


def timeline(length_s: float, gone: tuple[float, float] = (0.0, 0.0)) -> Timeline:
    """Four orders in each step; refused in those that lie within `gone`."""
    begins = [STEP_S * step for step in range(round(length_s / STEP_S))]
    served = tuple(0 if gone[0] <= begin < gone[1] else 4 for begin in begins)
    refused = {UNAVAILABLE: tuple(4 - each for each in served)} if 0 in served else {}
    return Timeline(bucket_s=STEP_S, served=served, refused=refused)


def phase(served: int, refused: int = 0) -> Phase:
    wanted = served + refused
    return Phase(
        served=served,
        refused={UNAVAILABLE: refused} if refused else {},
        slowest_s=0.3,
        new_served=0,
        new_refused={UNAVAILABLE: 10},
        seen=Seen(wanted=wanted, ordered=wanted, orders=wanted, products=wanted),
    )


def outage_result(
    strategy: str, target: str, fault: str, lasts_s: float, fails_from: float | None = None
) -> OutageResult:
    """`fails_from`: seconds after the begin from which orders are refused; None for never."""
    begin, end = 1.6, 1.6 + lasts_s
    gone = (0.0, 0.0) if fails_from is None else (begin + fails_from, end + 0.4)
    lost = 0 if fails_from is None else round(20 * (lasts_s - fails_from))
    return OutageResult(
        strategy=strategy,
        target=target,
        fault=fault,
        began_s=begin,
        ended_s=end,
        recovered_s=0.0 if fails_from is None else 0.41,
        before=phase(32),
        during=phase(round(20 * lasts_s) - lost, lost),
        after=phase(60, 8 if lost else 0),
        timeline=timeline(end + 3.0, gone),
        strangers=20,
        strangers_served=0,
    )


def _outage() -> tuple[OutageResult, ...]:
    fails = {Strategy.REPLICA: 5.0, Strategy.DIRECT_CALL: 2.0}
    products = [
        outage_result(each, "products", fault, 7.0, fails.get(each))
        for fault in ("killed", "paused")
        for each in ALL
    ]
    follower = [
        outage_result(each, "follower", "paused", 7.0, 5.0 if each is Strategy.REPLICA else None)
        for each in ALL
    ]
    workers = [
        outage_result(each, f"worker-{number}", fault, lasts_s, fails_from)
        for fault, lasts_s in (("paused", 2.4), ("killed", 0.0))
        for number, fails_from in ((1, None), (2, 0.2 if lasts_s else None))
        for each in ALL
    ]
    return (*products, *follower, *workers)


def roll(
    order: str,
    steps: Sequence[str],
    gone: tuple[float, float] = (0.0, 0.0),
    way: Way = Way.RESTARTS,
) -> Roll:
    length_s = 6.0 * len(steps)
    drawn = timeline(length_s, gone)
    failed = sum(sum(counts) for counts in drawn.refused.values())
    return Roll(
        way=way,
        order=order,
        steps=tuple(
            Step(name=name, at_s=6.0 * number, wanted=120, failed={UNAVAILABLE: failed})
            for number, name in enumerate(steps)
        ),
        wanted=4 * len(drawn.served),
        failed=failed,
        timeline=drawn,
    )


def _untruly_issued(meeting: Meeting) -> Meeting:
    """With a producer that says something untrue, which ours does not."""
    untrue = meeting.producer == "v1" and "v1" in meeting.consumer
    return meeting.model_copy(update={"result": Result.SILENTLY_WRONG}) if untrue else meeting


def _skew() -> tuple[SkewResult, ...]:
    met = asyncio.run(matrix(TRAVELS))
    rolls = (
        roll("readers first", ["orders-1 v1 and v2", "orders-2 v1 and v2", "products v2"]),
        roll("producer first", ["products v2", "orders-1 v1 and v2"], (1.0, 7.0)),
        roll("readers first", ["10% to new orders", "products v2"], way=Way.SPLIT),
    )
    return tuple(
        SkewResult(strategy=strategy, matrix=tuple(map(_untruly_issued, meetings)), rolls=rolls)
        for strategy, meetings in met.items()
    )


def rotation_result(strategy: str, **changes: Any) -> RotationResult:
    fetch = KeyFetch(keys="products-jwks.json", at_s=0.1, cause="missing-key", changed=False)
    values: dict[str, Any] = {
        "strategy": strategy,
        "rotated_s": (5.0, 12.0, 19.0),
        "wanted": 520,
        "failed": {},
        "timeline": timeline(26.0),
        "forged": 260,
        "forged_served": 0,
        "forged_refused": Counter({"UNAUTHENTICATED STATE_INVALID": 260}),
        "fetches": (fetch,),
        "most_in_30_s": 1,
    }
    return RotationResult(**{**values, **changes})


@cache
def under_change() -> UnderChange:
    """Every experiment."""
    return UnderChange(
        staleness=_staleness(),
        outage=_outage(),
        skew=_skew(),
        rotation=tuple(map(rotation_result, ALL)),
    )
