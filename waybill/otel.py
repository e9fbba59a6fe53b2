"""Whether OpenTelemetry's SDK is wanted, as its environment variables say.

Only what is asked for is set up: an exporter that a variable names, or OTLP where an endpoint is
given. Without any of them no SDK is loaded. For `__main__` alone: it calls `start` once in each
process, after workers have been started.

Read here: OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER (`otlp`, `console`, `none`),
OTEL_METRICS_EXPORTER (`otlp`, `console`, `prometheus`, `none`), OTEL_EXPORTER_OTLP_ENDPOINT,
OTEL_EXPORTER_OTLP_PROTOCOL (`grpc` alone) and these two by signal. All others of the specification
that the SDK and its exporters know are theirs: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
OTEL_TRACES_SAMPLER, OTEL_METRIC_EXPORT_INTERVAL, OTEL_EXPORTER_OTLP_HEADERS and so on.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from waybill.providers import Providers
from waybill.serving.settings import EXIT_SETTINGS, BadSettings

TRACE_EXPORTERS: Final = frozenset({"otlp", "console", "none"})
METRIC_EXPORTERS: Final = frozenset({"otlp", "console", "prometheus", "none"})
EXTRA_MISSING: Final = (
    "traces and metrics need OpenTelemetry's SDK, which is not installed: "
    "in a checkout `make setup`, or pip install '.[telemetry]'; "
    "or unset the OTEL_* variables and the HTTP port"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The exporters of each signal, and whether metrics are to be scraped from this process."""

    traces: frozenset[str]
    metrics: frozenset[str]
    scraped: bool

    def __bool__(self) -> bool:
        return bool(self.traces or self.metrics or self.scraped)


class Telemetry(Protocol):
    """The SDK, set up, or nothing at all."""

    @property
    def providers(self) -> Providers | None:
        """Where spans and metrics go; None where nowhere."""
        ...

    @property
    def metrics_page(self) -> Callable[..., Any] | None:
        """A WSGI application with the metrics in Prometheus' format, where they are scraped."""
        ...

    def close(self) -> None:
        """Send what is left, within some seconds, and end."""
        ...


class Off:
    """No telemetry."""

    providers = None
    metrics_page = None

    def close(self) -> None:
        """Nothing is left."""


def wanted(environ: Mapping[str, str], *, scraped: bool) -> Wanted:
    """What `environ` asks for; `scraped` says that this process has a place for `/metrics`.

    Raises:
        BadSettings: for something that there is not.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Wanted(frozenset(), frozenset(), scraped=False)
    traces = _exporters(environ, "TRACES", TRACE_EXPORTERS)
    metrics = _exporters(environ, "METRICS", METRIC_EXPORTERS)
    if "prometheus" in metrics and not scraped:
        raise BadSettings(
            [
                "OTEL_METRICS_EXPORTER: prometheus needs a port to be asked on; set the service's "
                "HTTP port, such as PRODUCTS_HTTP_PORT=9464"
            ]
        )
    return Wanted(traces, metrics - {"prometheus"}, scraped)


def start(environ: Mapping[str, str], *, service: str, scraped: bool = False) -> Telemetry | None:
    """Set the SDK up as this process's own, if anything is asked for.

    Args:
        environ: the variables.
        service: the name of the service where no variable says another.
        scraped: whether metrics are wanted in Prometheus' format.

    Raises:
        SystemExit: with code 2, after a line on stderr, for something that there is not, or
            without the extra `telemetry`.
    """
    try:
        asked = wanted(environ, scraped=scraped)
        return _sdk().set_up(asked, service) if asked else None
    except BadSettings as bad:
        print(bad, file=sys.stderr)  # noqa: T201 -- before there is a logger
        raise SystemExit(EXIT_SETTINGS) from None


@contextmanager
def telemetry(
    environ: Mapping[str, str], *, service: str, scraped: bool = False
) -> Iterator[Telemetry]:
    """As `start`, ended on leaving; what is not wanted is there and does nothing."""
    started = start(environ, service=service, scraped=scraped) or Off()
    try:
        yield started
    finally:
        started.close()


def _sdk() -> Any:
    try:
        return importlib.import_module("waybill.otel_sdk")
    except ImportError:
        raise BadSettings([EXTRA_MISSING]) from None


def _exporters(environ: Mapping[str, str], signal: str, known: frozenset[str]) -> frozenset[str]:
    variable = f"OTEL_{signal}_EXPORTER"
    given = environ.get(variable, "") or _default(environ, signal)
    chosen = frozenset(part.strip().lower() for part in given.split(",")) - {""}
    if unknown := chosen - known:
        names = ", ".join(sorted(known))
        raise BadSettings([f"{variable}: there is no {min(unknown)!r}; known are {names}"])
    if "otlp" in chosen:
        _require_grpc(environ, signal)
    return chosen - {"none"}


def _default(environ: Mapping[str, str], signal: str) -> str:
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return "otlp" if any(environ.get(name) for name in endpoints) else "none"


def _require_grpc(environ: Mapping[str, str], signal: str) -> None:
    for variable in (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if protocol := environ.get(variable, ""):
            if protocol != "grpc":
                raise BadSettings([f"{variable}: only grpc is built in, on port 4317 mostly"])
            return
