"""What is found out about a path beside its limits: callers' views, additions, who refused."""

from collections.abc import Sequence
from contextlib import ExitStack

from loadtest.limits import endpoints
from loadtest.limits.asks import Ask
from loadtest.limits.cases import INNOCENTS, SIZES
from loadtest.limits.client_process import ClientProcess, wire_command
from loadtest.limits.entries import PREFIX, Pair, list_bytes
from loadtest.limits.records import (
    Addition,
    CallerView,
    Direction,
    Limit,
    Passed,
    Refusal,
    Shape,
)
from loadtest.limits.tap import Tap, tapped
from mesh.hop import Address
from mesh.launcher import launch
from mesh.table import Placed

CALLERS = {"grpcio": endpoints.grpcio_client, "grpc-js": endpoints.grpc_js_client}
MARK: Pair = ("x-waybill-mark", "1")


def caller_views(address: Address, limit: Limit) -> tuple[CallerView, ...]:
    """What gRPC for Python and grpc-js report for requests just and far above `limit`."""
    if limit.at_least:
        return ()
    smallest = limit.never_from or limit.largest + 1
    views = []
    for name, start in {
        "grpcio": endpoints.grpcio_client,
        "grpc-js": endpoints.grpc_js_client,
    }.items():
        try:
            client = start(address)
        except endpoints.EndpointMissing:
            continue
        with client:
            client.run(Ask())
            for size in (smallest + smallest // 4, 4 * smallest):
                ask = Ask(request=(size,), innocents=INNOCENTS, deadline_s=2.0)
                views.append(CallerView(name, Refusal.of(size, client.run(ask)[0])))
    return tuple(views)


def passed_on(path: Sequence[Placed], service: Address) -> Passed:
    """What the service sees of a small request, beside what was sent."""
    with ExitStack() as stack:
        before, after = _tapped_path(stack, path, service)
        address = before.address
        with ClientProcess(wire_command(address.host, address.port)) as client:
            client.run(Ask(extra=(MARK,)))
        sent, seen = _marked(before), _marked(after[-1])
    names = dict(sent)
    return Passed(
        sent_bytes=list_bytes(sent),
        seen_bytes=list_bytes(seen),
        added=tuple(Addition(k, len(v)) for k, v in seen if names.get(k) != v),
        removed=tuple(k for k, _ in sent if k not in dict(seen)),
    )


def refused_by(
    path: Sequence[Placed], service: Address, limits: Sequence[Limit]
) -> tuple[tuple[str, str], ...]:
    """Which hop of a chain refused, by direction and shape, by what the wires between them saw."""
    if len(path) < 2:
        return ()
    found = []
    for limit in limits:
        if limit.at_least or limit.random or limit.first or limit.huffman:
            continue
        if limit.shape is Shape.MANY:
            continue
        with ExitStack() as stack:
            before, after = _tapped_path(stack, path, service)
            hop = _refuser(path, before, after, limit)
        found.append((f"{limit.direction} {limit.shape}", hop))
    return tuple(found)


def _refuser(path: Sequence[Placed], before: Tap, after: Sequence[Tap], limit: Limit) -> str:
    sizes = SIZES[limit.shape](limit.largest + 1)
    filled = {Direction.REQUEST: "request", Direction.INITIAL: "initial"}
    name = filled.get(limit.direction, "trailing")
    ask = Ask(**{name: sizes})  # type: ignore[arg-type]
    with ClientProcess(wire_command(before.address.host, before.address.port)) as client:
        client.run(ask)
    wires = [before, *after]
    if limit.direction is Direction.REQUEST:
        reached = sum(_full(one.requests(), len(sizes)) for one in wires)
        return str(path[reached - 1]) if 0 < reached <= len(path) else "the service"
    reached = sum(_full(one.responses(), len(sizes)) for one in reversed(wires))
    return str(path[-reached]) if 0 < reached <= len(path) else "the service"


def _tapped_path(
    stack: ExitStack, path: Sequence[Placed], service: Address
) -> tuple[Tap, list[Tap]]:
    """The path with a tap in front of every hop and of the service."""
    taps = [stack.enter_context(tapped(service))]
    for placed in reversed(path):
        running = stack.enter_context(launch(placed, taps[0].address))
        taps.insert(0, stack.enter_context(tapped(running.address)))
    return taps[0], taps[1:]


def _full(lists: Sequence[Sequence[Pair]], entries: int) -> bool:
    """Whether one of the header lists holds all of the probe's entries."""
    return any(sum(k.startswith(PREFIX) for k, _ in one) >= entries for one in lists)


def _marked(tap: Tap) -> list[Pair]:
    return next((one for one in tap.requests() if MARK in one), [])
