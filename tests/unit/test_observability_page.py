"""The page of observability names every instrument, variable and path that there is."""

import re
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.metrics import Meter, MeterProvider, NoOpMeter

from orders_svc.replica import metrics as replica_metrics
from waybill import otel, revocation_metrics
from waybill.providers import Providers
from waybill.rpc_telemetry import ClientCalls, ServerCalls
from waybill.serving import jwks_page
from waybill.telemetry import StateMetrics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/observability.md").read_text()
ROW = re.compile(r"^\| `(?P<name>[a-z.]+)` \| (?P<kind>\w+), `(?P<unit>[^`]+)` \|", re.MULTILINE)


class Noting(NoOpMeter):
    """Notes name, kind and unit of every instrument that is made."""

    def __init__(self) -> None:
        super().__init__("noting")
        self.made: set[tuple[str, str, str]] = set()

    def create_counter(self, name: str, unit: str = "", *_args: Any, **_kwargs: Any) -> Any:
        self.made.add((name, "counter", unit))
        return super().create_counter(name, unit)

    def create_histogram(self, name: str, unit: str = "", *_args: Any, **_kwargs: Any) -> Any:
        self.made.add((name, "histogram", unit))
        return super().create_histogram(name, unit)

    def create_observable_gauge(
        self, name: str, callbacks: Any = None, unit: str = "", *_args: Any, **_kwargs: Any
    ) -> Any:
        self.made.add((name, "gauge", unit))
        return super().create_observable_gauge(name, callbacks, unit)


class NotingProvider(MeterProvider):
    def __init__(self) -> None:
        self.meter = Noting()

    def get_meter(self, *_: Any, **__: Any) -> Meter:
        return self.meter


def test_every_instrument_is_on_the_page_and_no_other() -> None:
    provider = NotingProvider()
    providers = Providers(metrics=provider)
    StateMetrics(providers)
    ServerCalls(providers)
    ClientCalls(providers)
    revocation_metrics.observe(object(), provider)  # type: ignore[arg-type] # only looked at later
    replica_metrics.observe(object(), provider)  # type: ignore[arg-type] # as above
    assert {match.groups() for match in ROW.finditer(PAGE)} == provider.meter.made


def test_no_instrument_is_made_elsewhere() -> None:
    """Whoever makes one adds its maker to the test above."""
    makers = {
        str(path.relative_to(ROOT))
        for folder in ("waybill", "products_svc", "orders_svc", "client")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\.create_(observable_)?(counter|histogram|gauge|up_down)", path.read_text())
    }
    assert makers == {
        "waybill/telemetry.py",
        "waybill/rpc_telemetry.py",
        "waybill/revocation_metrics.py",
        "orders_svc/replica/metrics.py",
    }


@pytest.mark.parametrize("exporter", sorted(otel.TRACE_EXPORTERS | otel.METRIC_EXPORTERS))
def test_every_exporter_is_on_the_page(exporter: str) -> None:
    assert f"`{exporter}`" in PAGE


def test_the_path_of_the_keys_is_on_the_page() -> None:
    assert f"`{jwks_page.PATH}`" in PAGE
