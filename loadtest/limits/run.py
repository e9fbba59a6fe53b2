"""A run over many subjects: what is measured, what cannot be, and the files it leaves."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loadtest import provenance
from loadtest.limits import lab
from loadtest.limits.derive import UNLIMITED, known_limits
from loadtest.limits.endpoints import EndpointMissing
from loadtest.limits.fitting import Fit, Weight
from loadtest.limits.records import Direction, Measured, Shape
from mesh.hop import HopFailed, HopMissing
from mesh.known import KnownLimits, LimitsFile
from mesh.table import parse_path

PATHS = (
    *("envoy", "caddy", "nginx", "haproxy"),
    *("envoy:tuned", "caddy:tuned", "nginx:tuned", "haproxy:tuned"),
    *("envoy+haproxy", "nginx+envoy"),
)
SUBJECTS = (*lab.SERVERS, *lab.CLIENTS, *PATHS)
"""What a full run measures."""

QUICK_SUBJECTS = (*lab.SERVERS, *lab.CLIENTS, *PATHS[:4])


@dataclass(frozen=True, slots=True)
class Run:
    """What a run found."""

    run_id: str
    begun: str
    commit: str
    machine: Mapping[str, Any]
    measured: tuple[Measured, ...]
    fits: tuple[Fit, ...] = ()
    weights: tuple[Weight, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def to_text(self) -> str:
        """Everything, as JSON."""
        return json.dumps(asdict(self), indent=1, default=str) + "\n"

    def known(self) -> dict[str, KnownLimits]:
        """The rules behind what was measured, by subject."""
        return {one.name: known_limits(one) for one in self.measured if not one.not_measured}

    def limits_file(self) -> LimitsFile:
        """What `mesh/limits.json` keeps."""
        return LimitsFile(self.begun, str(self.machine["platform"]), self.known())


def new_run(measured: Iterable[Measured]) -> Run:
    """A run of now and here."""
    begun = provenance.begun()
    return Run(
        run_id=provenance.run_id(begun),
        begun=begun,
        commit=provenance.commit(),
        machine=provenance.machine().model_dump(),
        measured=tuple(measured),
        versions=provenance.versions(),
    )


def measure_subjects(
    names: Sequence[str],
    effort: lab.Effort,
    before: Mapping[str, KnownLimits],
    progress: Callable[[str], None],
) -> Iterator[Measured]:
    """Measure one after the other. `before` is where to look first."""
    with lab.wide_open_service() as service:
        for name in names:
            progress(name)
            guesses = _guesses(before.get(name))
            try:
                yield _measure(name, service, effort, guesses)
            except (HopMissing, HopFailed, EndpointMissing) as problem:
                yield Measured(name, "", _role(name), not_measured=str(problem))


def check_names(names: Iterable[str]) -> None:
    """Raises ValueError, naming those that exist, for a subject that does not."""
    for name in names:
        if name not in lab.SERVERS and name not in lab.CLIENTS:
            parse_path(name)


def write(path: Path, text: str) -> None:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _measure(name: str, service: lab.Service, effort: lab.Effort, guesses: lab.Guesses) -> Measured:
    if name in lab.SERVERS:
        return lab.measure_server(name, effort, guesses)
    if name in lab.CLIENTS:
        return lab.measure_client(name, service, effort, guesses)
    return lab.measure_path(parse_path(name), service, effort, guesses)


def _role(name: str) -> str:
    return "server" if name in lab.SERVERS else "client" if name in lab.CLIENTS else "path"


def _guesses(known: KnownLimits | None) -> lab.Guesses:
    """The edges of last time, by kind."""
    if known is None:
        return lab.NO_GUESSES
    found = {}
    for name, edge in known.edges.items():
        direction, shape, *manner = name.split()
        if edge != UNLIMITED:
            kind = Direction(direction), Shape(shape), "first" in manner, "huffman" in manner
            found[kind] = edge
    return found
