"""Which of OpenTelemetry's variables ask for what."""

import subprocess
import sys
from pathlib import Path

import pytest

from waybill import otel
from waybill.otel import wanted
from waybill.serving.settings import BadSettings

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}


@pytest.mark.parametrize(
    ("environ", "traces", "metrics"),
    [
        ({}, "", ""),
        ({"OTEL_SERVICE_NAME": "shop"}, "", ""),
        (ENDPOINT, "otlp", "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x:4317"}, "otlp", ""),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp", ""),
        ({**ENDPOINT, "OTEL_METRICS_EXPORTER": "none"}, "otlp", ""),
        ({"OTEL_TRACES_EXPORTER": " Console,otlp "}, "console otlp", ""),
        ({"OTEL_METRICS_EXPORTER": "console"}, "", "console"),
        ({"OTEL_TRACES_EXPORTER": ""}, "", ""),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "TRUE"}, "", ""),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "no"}, "otlp", "otlp"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "otlp", "otlp"),
    ],
)
def test_only_what_is_asked_for(environ: dict[str, str], traces: str, metrics: str) -> None:
    asked = wanted(environ, scraped=False)
    assert (asked.traces, asked.metrics) == (frozenset(traces.split()), frozenset(metrics.split()))
    assert bool(asked) == bool(traces or metrics)


def test_a_port_to_be_scraped_on_is_enough() -> None:
    assert wanted({}, scraped=True)
    assert wanted({"OTEL_METRICS_EXPORTER": "prometheus"}, scraped=True).metrics == set()
    assert not wanted({"OTEL_SDK_DISABLED": "true"}, scraped=True)


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "no 'zipkin'; known are console, none, otlp"),
        ({"OTEL_METRICS_EXPORTER": "prometheus"}, "PRODUCTS_HTTP_PORT"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "only grpc"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/json"}, "METRICS_PROTOCOL"),
    ],
)
def test_what_there_is_not_is_said(environ: dict[str, str], text: str) -> None:
    with pytest.raises(BadSettings, match=text):
        wanted(environ, scraped=False)


def test_without_the_extra_the_start_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "waybill.otel_sdk", None)
    with pytest.raises(SystemExit) as ended:
        otel.start(ENDPOINT, service="toy")
    assert ended.value.code == 2
    assert "pip install '.[telemetry]'" in capsys.readouterr().err


def test_nothing_is_loaded_where_nothing_is_asked_for() -> None:
    code = (
        "import sys, products_svc.__main__, orders_svc.__main__, client.__main__; "
        "from waybill.otel import start; assert start({}, service='toy') is None; "
        "print([m for m in sys.modules if m.startswith(('opentelemetry.sdk', 'prometheus_'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"
