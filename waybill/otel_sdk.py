"""Sets OpenTelemetry's SDK up. Needs the extra `telemetry`; `waybill.otel` loads it if asked to."""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    ConsoleMetricExporter,
    MetricReader,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SimpleSpanProcessor,
)
from prometheus_client import make_wsgi_app

from waybill.otel import Wanted
from waybill.providers import Providers

FLUSH_MS = 3_000
"""How long what is left may take to be sent at the end."""

_SPAN_PROCESSORS: Mapping[str, Callable[[], SpanProcessor]] = {
    "otlp": lambda: BatchSpanProcessor(OTLPSpanExporter()),
    "console": lambda: SimpleSpanProcessor(ConsoleSpanExporter()),
}
_METRIC_READERS: Mapping[str, Callable[[], MetricReader]] = {
    "otlp": lambda: PeriodicExportingMetricReader(OTLPMetricExporter()),
    "console": lambda: PeriodicExportingMetricReader(ConsoleMetricExporter()),
}


class Sdk:
    """The SDK of this process; a `waybill.otel.Telemetry`."""

    def __init__(
        self, traces: TracerProvider | None, meters: MeterProvider | None, *, scraped: bool
    ) -> None:
        self.providers = Providers(traces, meters)
        self.metrics_page: Callable[..., Any] | None = (
            _one_at_a_time(make_wsgi_app()) if scraped else None
        )
        self._traces = traces
        self._meters = meters

    def close(self) -> None:
        """Send what is left, within some seconds, and end."""
        if self._traces:
            self._traces.force_flush(FLUSH_MS)
            self._traces.shutdown()
        if self._meters:
            self._meters.shutdown(timeout_millis=FLUSH_MS)


def set_up(wanted: Wanted, service: str) -> Sdk:
    """Set up what is wanted, and make it the process's own, which can be done once."""
    resource = resource_of(service)
    traces = meters = None
    if wanted.traces:
        traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        for name in sorted(wanted.traces):
            traces.add_span_processor(_SPAN_PROCESSORS[name]())
        trace.set_tracer_provider(traces)
    if readers := [*_readers(wanted)]:
        meters = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
        metrics.set_meter_provider(meters)
    return Sdk(traces, meters, scraped=wanted.scraped)


def resource_of(service: str) -> Resource:
    """Who tells: what the variables say, and otherwise `service` and a random instance."""
    ours = Resource({"service.name": service, "service.instance.id": str(uuid.uuid4())})
    return Resource.create().merge(ours).merge(OTELResourceDetector().detect())


def _one_at_a_time(page: Callable[..., Any]) -> Callable[..., Any]:
    """The exporter collects into one place: two scrapes at once would share it."""
    lock = threading.Lock()

    def locked(*arguments: Any) -> Any:
        with lock:
            return page(*arguments)

    return locked


def _readers(wanted: Wanted) -> Iterator[MetricReader]:
    for name in sorted(wanted.metrics):
        yield _METRIC_READERS[name]()
    if wanted.scraped:
        yield PrometheusMetricReader()
