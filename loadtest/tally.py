"""What all load generators of a distributed run saw, brought together exactly.

Each worker reports the whole of what it has seen so far, and the master keeps the newest report of
each. A report that is lost or comes twice changes nothing, and histograms add up bucket by bucket.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict, TypeAdapter

from loadtest.histogram import Latencies


class Part(BaseModel):
    """One row as one or more generators saw it so far; histograms are encoded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ok: int
    refused: dict[str, int]
    dropped: int
    latency: str
    service_time: str
    refused_latency: str
    send_lag: str

    @property
    def answered(self) -> int:
        """Calls that got any answer."""
        return self.ok + sum(self.refused.values())


Parts = Mapping[str, Part]
"""By row."""

_PARTS: TypeAdapter[dict[str, Part]] = TypeAdapter(dict[str, Part])


def added(parts: Iterable[Part]) -> Part:
    """Several generators' parts of one row as one."""
    parts = list(parts)
    refused: Counter[str] = Counter()
    for part in parts:
        refused.update(part.refused)
    return Part(
        ok=sum(part.ok for part in parts),
        refused=dict(refused),
        dropped=sum(part.dropped for part in parts),
        latency=Latencies.merged(part.latency for part in parts).encode(),
        service_time=Latencies.merged(part.service_time for part in parts).encode(),
        refused_latency=Latencies.merged(part.refused_latency for part in parts).encode(),
        send_lag=Latencies.merged(part.send_lag for part in parts).encode(),
    )


def merged(reports: Iterable[Parts]) -> dict[str, Part]:
    """All generators' rows as one set."""
    reports = list(reports)
    rows = dict.fromkeys(row for report in reports for row in report)
    return {row: added(report[row] for report in reports if row in report) for row in rows}


def dump(parts: Parts) -> str:
    """As JSON, for a message or a file."""
    return _PARTS.dump_json(dict(parts)).decode()


def read(text: str) -> dict[str, Part]:
    """What `dump` wrote.

    Raises:
        pydantic.ValidationError: it is something else.
    """
    return _PARTS.validate_json(text)


class Tally:
    """The newest report of each generator."""

    def __init__(self) -> None:
        self._reports: dict[str, Parts] = {}

    def report(self, generator: str, parts: Parts) -> None:
        """Take in what a generator saw so far."""
        self._reports[generator] = parts

    def clear(self) -> None:
        """Begin anew."""
        self._reports.clear()

    def total(self) -> dict[str, Part]:
        """What all saw together."""
        return merged(self._reports.values())
