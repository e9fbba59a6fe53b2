"""Metrics of what is known of revocations, through OpenTelemetry's API.

| Instrument | Kind, unit | Says |
|---|---|---|
| `waybill.revocations.subjects` | gauge, `{subject}` | how many have a watermark |
| `waybill.revocations.lag` | gauge, `s` | since when everything was last known; absent before |

Each process that follows has its own. Without an SDK nothing is observed.
"""

from collections.abc import Iterable
from typing import Final

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter

from waybill.revocation import Revocations
from waybill.telemetry import SCOPE

SUBJECTS: Final = "waybill.revocations.subjects"
LAG: Final = "waybill.revocations.lag"


def observe(revocations: Revocations, provider: MeterProvider | None = None) -> None:
    """Have `revocations` observed for as long as the process lives.

    Args:
        revocations: what to look at, whenever metrics are collected.
        provider: what makes the meter; None for the process's own.
    """

    def subjects(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(revocations.size)]

    def lag(_options: CallbackOptions) -> Iterable[Observation]:
        lag_s = revocations.lag_s
        return [] if lag_s is None else [Observation(lag_s)]

    meter = get_meter(SCOPE, meter_provider=provider)
    meter.create_observable_gauge(
        SUBJECTS, [subjects], unit="{subject}", description="Subjects that have a watermark."
    )
    meter.create_observable_gauge(
        LAG, [lag], unit="s", description="Since when every revocation was last known."
    )
