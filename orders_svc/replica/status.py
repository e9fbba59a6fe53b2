"""How the copy is doing, in words and numbers."""

from dataclasses import dataclass

from orders_svc.replica.records import Meta

CLOCK_TOLERANCE_S = 1.0
"""How far in the future `synced_at` may be, in seconds, before the clock is not believed."""


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """How the copy is doing. `lag_s` None: never complete; `problem` None: usable."""

    epoch: int
    revision: int
    grants: int
    lag_s: float | None
    problem: str | None


def status_of(meta: Meta, now: float, lag_bound_s: float) -> ReplicaStatus:
    """The status of a copy with this description at `now`, in wall-clock seconds."""
    lag_s = now - meta.synced_at if meta.epoch else None
    problem = _problem(meta, lag_s, lag_bound_s)
    return ReplicaStatus(meta.epoch, meta.revision, meta.grants, lag_s, problem)


def problem_of(meta: Meta, now: float, lag_bound_s: float) -> str | None:
    """Why a copy with this description may not be believed at `now`; None if it may."""
    lag_s = now - meta.synced_at
    if meta.ready and -CLOCK_TOLERANCE_S <= lag_s <= lag_bound_s:
        return None
    return status_of(meta, now, lag_bound_s).problem


def _problem(meta: Meta, lag_s: float | None, lag_bound_s: float) -> str | None:
    if lag_s is None:
        return "the replica is cold: no snapshot has arrived yet"
    if not meta.ready:
        return "changes are known to be missing from the replica"
    if lag_s > lag_bound_s:
        return f"the replica lags {lag_s:.1f} s, more than its bound of {lag_bound_s:g} s"
    if lag_s < -CLOCK_TOLERANCE_S:
        return "the clock was set back since the replica was last complete"
    return None
