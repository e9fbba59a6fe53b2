"""How far behind the copy is, through OpenTelemetry's API.

| Instrument | Kind, unit | Says |
|---|---|---|
| `waybill.replica.lag` | gauge, `s` | since when the copy was complete; absent before it ever was |
| `waybill.replica.revision` | gauge, `1` | the copy's revision; 0 without a copy |

Each process that reads has its own. Without an SDK nothing is observed.
"""

from collections.abc import Iterable
from typing import Final

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter

from orders_svc.replica.copy import CopyReader
from waybill.telemetry import SCOPE

LAG: Final = "waybill.replica.lag"
REVISION: Final = "waybill.replica.revision"


def observe(copy: CopyReader, provider: MeterProvider | None = None) -> None:
    """Have `copy` observed for as long as the process lives.

    Args:
        copy: the reader of the copy.
        provider: what makes the meter; None for the process's own.
    """

    def lag(_options: CallbackOptions) -> Iterable[Observation]:
        seen = copy.seen()
        return [] if seen is None or seen.lag_s is None else [Observation(seen.lag_s)]

    def revision(_options: CallbackOptions) -> Iterable[Observation]:
        seen = copy.seen()
        return [] if seen is None else [Observation(seen.revision)]

    meter = get_meter(SCOPE, meter_provider=provider)
    meter.create_observable_gauge(
        LAG, [lag], unit="s", description="Since when the copy was complete."
    )
    meter.create_observable_gauge(
        REVISION, [revision], unit="1", description="The copy's revision."
    )
