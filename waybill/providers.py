"""Where spans and metrics go."""

from dataclasses import dataclass
from typing import Final

from opentelemetry.metrics import Meter, MeterProvider, get_meter
from opentelemetry.trace import Tracer, TracerProvider, get_tracer

SCOPE: Final = "waybill"


@dataclass(frozen=True, slots=True)
class Providers:
    """OpenTelemetry's providers; None for the process's own, whichever are set up by then.

    Where something takes `Providers | None`, None means that it observes nothing, at no cost.
    """

    traces: TracerProvider | None = None
    metrics: MeterProvider | None = None

    def tracer(self) -> Tracer:
        """What makes the library's spans."""
        return get_tracer(SCOPE, tracer_provider=self.traces)

    def meter(self) -> Meter:
        """What makes the library's instruments."""
        return get_meter(SCOPE, meter_provider=self.metrics)
