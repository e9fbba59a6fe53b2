"""What the lab measures: paths of hops, servers and clients, one function for each."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace

from loadtest.limits import endpoints
from loadtest.limits.asks import Ask
from loadtest.limits.cases import Bench, Case, measure
from loadtest.limits.client_process import ClientProcess, wire_command
from loadtest.limits.path_probes import caller_views, passed_on, refused_by
from loadtest.limits.records import Direction, Limit, Measured, RandomRegion, Shape
from loadtest.limits.region import sample
from loadtest.limits.search import CONFIRMATIONS
from mesh.hop import Address
from mesh.launcher import launch_path, version
from mesh.table import Placed

KIB = 1024
REQUEST_BOUND = 1024 * KIB
RESPONSE_BOUND = 256 * KIB
COUNT_BOUND = 3000
SLOW_CONFIRMATIONS = 4
"""For servers that hold each refusal back."""

HANGING_CONFIRMATIONS = 2
"""For clients, of which one waits for its deadline at each refusal."""

LIST_SETTING = 6
"""SETTINGS_MAX_HEADER_LIST_SIZE."""

Guesses = Mapping[tuple[Direction, Shape, bool, bool], int]
NO_GUESSES: Guesses = {}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure. The quick one leaves out what only refines."""

    region_points: int = 13
    region_tries: int = 100
    refine: bool = True
    """First calls, Huffman coding, and what an entry itself counts."""
    views: bool = True
    """What gRPC libraries report, and what innocent calls suffer."""


FULL = Effort()
QUICK = Effort(region_points=5, region_tries=40, refine=False, views=False)
CHECK = Effort(region_points=5, region_tries=60, views=False)


@dataclass(frozen=True, slots=True)
class Service:
    """The wide-open probe service, and the response headers that it sends of itself."""

    address: Address
    base_sizes: Mapping[Direction, tuple[int, int]]


@contextmanager
def wide_open_service() -> Iterator[Service]:
    """The service that stands behind every path."""
    with endpoints.probe_service("wide-open") as address, wire(address) as prober:
        seen = prober.run(Ask())[0]
        base = {
            Direction.INITIAL: (seen.initial_bytes, seen.initial_entries),
            Direction.TRAILING: (seen.trailing_bytes, seen.trailing_entries),
        }
        yield Service(address, base)


def wire(address: Address, *, huffman: bool = False) -> ClientProcess:
    """The client without limits, for `address`."""
    return ClientProcess(wire_command(address.host, address.port, huffman=huffman))


def request_cases(effort: Effort) -> list[Case]:
    """What is measured of request metadata, the most telling first."""
    request, bound = Direction.REQUEST, REQUEST_BOUND
    cases = [
        Case(request, Shape.SINGLE, bound),
        Case(request, Shape.TOTAL, bound),
        Case(request, Shape.COUNT, COUNT_BOUND),
    ]
    if not effort.refine:
        return cases
    return [
        *cases,
        Case(request, Shape.MANY, bound),
        Case(request, Shape.SINGLE, bound, first=True),
        Case(request, Shape.TOTAL, bound, first=True),
        Case(request, Shape.SINGLE, RESPONSE_BOUND, huffman=True),
        Case(request, Shape.TOTAL, RESPONSE_BOUND, huffman=True),
    ]


def response_cases(effort: Effort) -> list[Case]:
    """What is measured of initial and trailing metadata."""
    shapes = (Shape.SINGLE, Shape.TOTAL, *((Shape.MANY,) if effort.refine else ()))
    return [
        Case(direction, shape, COUNT_BOUND if shape is Shape.COUNT else RESPONSE_BOUND)
        for direction in (Direction.INITIAL, Direction.TRAILING)
        for shape in (*shapes, Shape.COUNT)
    ]


def measure_path(
    path: tuple[Placed, ...], service: Service, effort: Effort, guesses: Guesses = NO_GUESSES
) -> Measured:
    """Measure one path of hops in front of the wide-open service.

    Raises:
        HopMissing: a hop is not on this machine.
        HopFailed: a hop did not start.
    """
    began = time.monotonic()
    name = "+".join(str(placed) for placed in path)
    cases = [*request_cases(effort), *response_cases(effort)]
    with launch_path(path, service.address) as running, ExitStack() as stack:
        benches = _benches(stack, running[0].address, service, innocents=effort.views)
        limits = _measure_all(cases, benches, guesses)
        return Measured(
            name=name,
            version=", ".join(version(placed.hop) for placed in path),
            role="path",
            limits=tuple(limits),
            callers=caller_views(running[0].address, limits[0]) if effort.views else (),
            passed=passed_on(path, service.address) if len(path) == 1 else None,
            refused_by=refused_by(path, service.address, limits) if effort.views else (),
            announced_list_bytes=_announced(benches[False]),
            seconds=round(time.monotonic() - began, 1),
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server or client that is measured itself."""

    service: Callable[[], AbstractContextManager[Address]]
    version: Callable[[], str]
    random: bool = False


SERVERS: Mapping[str, Endpoint] = {
    "grpcio server": Endpoint(
        lambda: endpoints.probe_service("default"), endpoints.grpcio_version, random=True
    ),
    "grpcio server:tuned": Endpoint(
        lambda: endpoints.probe_service("tuned"), endpoints.grpcio_version
    ),
    "grpc-js server": Endpoint(endpoints.grpc_js_service, endpoints.grpc_js_version),
}


def measure_server(name: str, effort: Effort, guesses: Guesses = NO_GUESSES) -> Measured:
    """Measure a server's own limits of request metadata.

    Raises:
        EndpointMissing: its program is not on this machine.
    """
    began = time.monotonic()
    endpoint = SERVERS[name]
    with endpoint.service() as address, ExitStack() as stack:
        place = Service(address, {})
        benches = _benches(
            stack,
            address,
            place,
            innocents=effort.views,
            deadline_s=1.5,
            confirmations=SLOW_CONFIRMATIONS,
        )
        own = benches[False].prober.run(Ask())[0]
        cases = request_cases(effort)
        regions: tuple[RandomRegion, ...] = ()
        if endpoint.random:
            cases = [replace(case, first=True) for case in cases[:1]] if effort.refine else []
            regions = (_region(benches[False], Direction.REQUEST, own.request_bytes, effort),)
        return Measured(
            name=name,
            version=endpoint.version(),
            role="server",
            limits=tuple(_measure_all(cases, benches, guesses)),
            regions=regions,
            announced_list_bytes=_announced(benches[False]),
            seconds=round(time.monotonic() - began, 1),
        )


@dataclass(frozen=True, slots=True)
class Client:
    """A client library that is measured itself."""

    process: Callable[[Address], ClientProcess]
    version: Callable[[], str]
    random: bool = False


CLIENTS: Mapping[str, Client] = {
    "grpcio client": Client(endpoints.grpcio_client, endpoints.grpcio_version, random=True),
    "grpc-js client": Client(endpoints.grpc_js_client, endpoints.grpc_js_version),
}


def measure_client(
    name: str, service: Service, effort: Effort, guesses: Guesses = NO_GUESSES
) -> Measured:
    """Measure a client's own limits of response metadata.

    Raises:
        EndpointMissing: its program is not on this machine.
    """
    began = time.monotonic()
    client = CLIENTS[name]
    with client.process(service.address) as prober:
        bench = Bench(prober, Ask(deadline_s=0.5), with_innocents=effort.views)
        bench.confirmations = HANGING_CONFIRMATIONS
        bench.base_sizes.update(service.base_sizes)
        limits, regions = [], []
        if client.random:
            for direction, (own_bytes, _) in service.base_sizes.items():
                regions.append(_region(bench, direction, own_bytes, effort))
        else:
            limits = _measure_all(response_cases(effort), {False: bench}, guesses)
        return Measured(
            name=name,
            version=client.version(),
            role="client",
            limits=tuple(limits),
            regions=tuple(regions),
            seconds=round(time.monotonic() - began, 1),
        )


def _benches(
    stack: ExitStack,
    address: Address,
    service: Service,
    *,
    innocents: bool,
    deadline_s: float = 3.0,
    confirmations: int = CONFIRMATIONS,
) -> dict[bool, Bench]:
    """A bench for a plain and one for a Huffman-coding client."""
    return {
        huffman: Bench(
            stack.enter_context(wire(address, huffman=huffman)),
            Ask(deadline_s=deadline_s),
            with_innocents=innocents,
            confirmations=confirmations,
            base_sizes=dict(service.base_sizes),
        )
        for huffman in (False, True)
    }


def _measure_all(cases: list[Case], benches: Mapping[bool, Bench], guesses: Guesses) -> list[Limit]:
    """Measure in order; a variant of a case starts at what the plain, later one was."""
    found: dict[tuple[Direction, Shape], int] = {}
    limits = []
    for case in cases:
        plain = found.get((case.direction, case.shape))
        kind = (case.direction, case.shape, case.first, case.huffman)
        limit = measure(benches[case.huffman], case, guess=guesses.get(kind, plain))
        found.setdefault((case.direction, case.shape), limit.largest)
        limits.append(limit)
    return limits


def _region(bench: Bench, direction: Direction, own_bytes: int, effort: Effort) -> RandomRegion:
    return sample(
        bench, direction, own_bytes, points=effort.region_points, tries=effort.region_tries
    )


def _announced(bench: Bench) -> int | None:
    return dict(bench.prober.run(bench.base)[0].settings).get(LIST_SETTING)
