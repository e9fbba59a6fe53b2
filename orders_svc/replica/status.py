"""How the copy is doing, in words and numbers."""

import time
from collections.abc import Callable
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


@dataclass(frozen=True, slots=True)
class Trust:
    """When a copy may be believed: while it was known to be complete `lag_bound_s` ago at most.

    `clock` is the wall clock in seconds, which the writer's `synced_at` is compared with.
    """

    lag_bound_s: float = 5.0
    clock: Callable[[], float] = time.time

    def status(self, meta: Meta) -> ReplicaStatus:
        """The status of a copy with this description now."""
        lag_s = self.clock() - meta.synced_at if meta.epoch else None
        problem = _problem(meta, lag_s, self.lag_bound_s)
        return ReplicaStatus(meta.epoch, meta.revision, meta.grants, lag_s, problem)

    def problem(self, meta: Meta) -> str | None:
        """Why a copy with this description may not be believed now; None if it may."""
        lag_s = self.clock() - meta.synced_at
        if meta.ready and -CLOCK_TOLERANCE_S <= lag_s <= self.lag_bound_s:
            return None
        return self.status(meta).problem


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
