"""State that fills the budget of a path to the byte passes the real path, both ways."""

from collections.abc import Iterator
from concurrent import futures
from contextlib import ExitStack
from typing import Any

import grpc
import pytest

from mesh.hop import Address
from mesh.launcher import LOOPBACK, launch_path
from mesh.table import parse_path
from tests.needing import need
from waybill.budget import BOTH_WAYS, PathBudget
from waybill.errors import StateTooLarge
from waybill.metadata import AUTHORIZATION, STRATEGY, Entry

pytestmark = pytest.mark.engines

KEY = "waybill-state-v2"
METHOD = "/shop.orders.v1.OrdersService/PlaceOrder"
OWN = ((AUTHORIZATION, "Bearer " + "t" * 272), (STRATEGY, "metadata-jwt"))
CALLS = 20
"""Where chance decides, one of so many would be refused."""


def echo(_request: bytes, context: grpc.ServicerContext) -> bytes:
    """Answers with the state that came, in the initial metadata."""
    metadata = context.invocation_metadata()
    context.send_initial_metadata(tuple((k, v) for k, v in metadata if k == KEY))
    return b""


class Echo(grpc.GenericRpcHandler):
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:  # noqa: ARG002
        return grpc.unary_unary_rpc_method_handler(echo)


@pytest.fixture(scope="module")
def service() -> Iterator[Address]:
    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[Echo()])
    port = server.add_insecure_port(f"{LOOPBACK}:0")
    server.start()
    yield Address(LOOPBACK, port)
    server.stop(None).wait()


def fits(budget: PathBudget, state: list[Entry]) -> bool:
    try:
        budget.check(state)
    except StateTooLarge:
        return False
    return True


def largest(budget: PathBudget, entries: int) -> list[Entry]:
    """State of so many equal entries that fills the budget."""
    passing, refused = 0, 1 << 20
    while refused - passing > 1:
        middle = (passing + refused) // 2
        if fits(budget, [(KEY, "x" * middle)] * entries):
            passing = middle
        else:
            refused = middle
    return [(KEY, "x" * passing)] * entries


@pytest.mark.parametrize("entries", [1, 20])
@pytest.mark.parametrize("path", ["", "envoy", "caddy", "nginx", "haproxy"])
def test_a_full_budget_passes(path: str, entries: int, service: Address) -> None:
    placed = parse_path(path) if path else ()
    hops = ["grpcio client", *map(str, placed), "grpcio server"]
    state = largest(PathBudget(hops, directions=BOTH_WAYS), entries)
    assert len(state[0][1]) > 60
    with ExitStack() as stack:
        need(one.hop for one in placed)
        running = stack.enter_context(launch_path(placed, service))
        address = running[0].address if running else service
        channel = stack.enter_context(grpc.insecure_channel(str(address)))
        method: Any = channel.unary_unary(METHOD)
        for _ in range(CALLS):
            _, call = method.with_call(b"", metadata=(*OWN, *state), timeout=10)
            came = [(k, v) for k, v in call.initial_metadata() if k == KEY]
            assert came == state
