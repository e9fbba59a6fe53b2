"""How far behind the copy is, through OpenTelemetry's API.

| Instrument | Kind, unit | Says |
|---|---|---|
| `waybill.replica.lag` | gauge, `s` | since when the copy was complete; absent before it ever was |
| `waybill.replica.revision` | gauge, `1` | the copy's revision; 0 without a copy |

Each process that reads has its own. Without an SDK nothing is observed.
"""

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter

from waybill.telemetry import SCOPE

LAG: Final = "waybill.replica.lag"
REVISION: Final = "waybill.replica.revision"


class Copy(Protocol):
    """What is looked at whenever metrics are collected."""

    @property
    def revision(self) -> int:
        """Where it is; 0 for nowhere."""
        ...

    def lag_s(self) -> float | None:
        """Since when it was complete, in seconds; None if it never was."""
        ...


def observe(copy: Copy, provider: MeterProvider | None = None) -> None:
    """Have `copy` observed for as long as the process lives.

    Args:
        copy: the reader of the copy.
        provider: what makes the meter; None for the process's own.
    """
    meter = get_meter(SCOPE, meter_provider=provider)
    meter.create_observable_gauge(
        LAG, [_callback(copy.lag_s)], unit="s", description="Since when the copy was complete."
    )
    meter.create_observable_gauge(
        REVISION, [_callback(lambda: copy.revision)], unit="1", description="The copy's revision."
    )


def _callback(
    look: Callable[[], float | None],
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observed(_options: CallbackOptions) -> Iterable[Observation]:
        seen = look()
        return [] if seen is None else [Observation(seen)]

    return observed
