"""Our tabs in Locust's page: percentiles in microseconds, and the way to the latest report."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request

from loadtest.histogram import Latencies
from loadtest.tally import Part, Parts

MICROSECONDS = "waybill-microseconds"
REPORT = "waybill-report"
REPORT_PATH = "/waybill/report"
PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
_STATS_PATH = "/stats/requests"

_COLUMNS = {
    "name": "Strategy",
    "ok": "Answered well",
    "refused": "Refused",
    "dropped": "Never sent",
    **{f"p{percentile:g}".replace(".", "_"): f"p{percentile:g} µs" for percentile in PERCENTILES},
    "serve": "Service time p50 µs",
    "lag": "Send lag p95 µs",
}
_REPORT_COLUMNS = {"run": "Latest comparison", "address": "Its report is at"}

_LINK = (
    f'<a href="{REPORT_PATH}" id="waybill-report-link" style="position:fixed;right:1rem;'
    "bottom:1rem;z-index:9;padding:.4rem .8rem;border-radius:.4rem;background:#14532d;"
    'color:#fff;font:14px sans-serif">Latest comparison report</a>'
)


def rows(parts: Parts) -> list[dict[str, object]]:
    """The table of microseconds, a row for each strategy."""
    return [_row(name, part) for name, part in sorted(parts.items())]


def _row(name: str, part: Part) -> dict[str, object]:
    latency = Latencies.decode(part.latency)
    keys = list(_COLUMNS)[4 : 4 + len(PERCENTILES)]
    percentiles = {key: latency.percentile_us(p) for key, p in zip(keys, PERCENTILES, strict=True)}
    return {
        "name": name,
        "ok": part.ok,
        "refused": sum(part.refused.values()),
        "dropped": part.dropped,
        **percentiles,
        "serve": Latencies.decode(part.service_time).percentile_us(50),
        "lag": Latencies.decode(part.send_lag).percentile_us(95),
    }


def template_args() -> dict[str, object]:
    """What Locust's page needs to show our tabs."""
    return {
        "extended_tabs": [
            {"title": "Microseconds", "key": MICROSECONDS},
            {"title": "Report", "key": REPORT},
        ],
        "extended_tables": [
            {"key": MICROSECONDS, "structure": _structure(_COLUMNS)},
            {"key": REPORT, "structure": _structure(_REPORT_COLUMNS)},
        ],
    }


def _structure(columns: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "title": title} for key, title in columns.items()]


def latest(results: Path) -> Path | None:
    """The newest comparison's report, if there is one."""
    page = results / "latest" / "report.html"
    return page if page.is_file() else None


class Tabs:
    """Hooks our tabs into the page of `web_ui`. `total` says what was seen so far."""

    def __init__(self, web_ui: Any, total: Callable[[], Parts], results: Path) -> None:
        self._total = total
        self._results = results
        web_ui.template_args |= template_args()
        web_ui.app.after_request(self.extend)
        blueprint = Blueprint("waybill", __name__)
        blueprint.add_url_rule(REPORT_PATH, view_func=self.report)
        web_ui.app.register_blueprint(blueprint)

    def report(self) -> Response:
        """The newest report, or what to do to get one."""
        page = latest(self._results)
        if page is None:
            return Response("There is no report yet; `make compare` makes one.\n", 404)
        return Response(page.read_bytes(), mimetype="text/html")

    def extend(self, response: Response) -> Response:
        """Add our figures to Locust's, and the link to its page."""
        if request.path == _STATS_PATH and response.is_json:
            response.set_data(json.dumps({**response.get_json(), "extended_stats": self._stats()}))
        elif request.path == "/" and response.mimetype == "text/html":
            text = response.get_data(as_text=True)
            response.set_data(text.replace("</body>", f"{_LINK}</body>", 1))
        return response

    def _stats(self) -> Sequence[dict[str, object]]:
        return [
            {"key": MICROSECONDS, "data": rows(self._total())},
            {"key": REPORT, "data": [self._report_row()]},
        ]

    def _report_row(self) -> dict[str, str]:
        page = latest(self._results)
        run = page.parent.resolve().name if page else "none yet: make compare"
        return {"run": run, "address": REPORT_PATH}
