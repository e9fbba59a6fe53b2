"""The service behind the path: answers with as much metadata as asked, and says what arrived.

A raw handler without a contract. Its own limits are far above those of any hop, unless told to
keep gRPC's defaults, in which case it is what is measured.
"""

import asyncio
import json
import signal
from collections.abc import Sequence
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from loadtest.limits import entries
from loadtest.limits.asks import PROBE_METHOD

WIDE_OPEN_BYTES = 16 * 1024 * 1024
Options = Sequence[tuple[str, int]]

WIDE_OPEN: Options = (
    ("grpc.max_metadata_size", WIDE_OPEN_BYTES),
    ("grpc.absolute_max_metadata_size", WIDE_OPEN_BYTES),
)
DEFAULTS: Options = ()
TUNED: Options = (
    ("grpc.max_metadata_size", 65536),
    ("grpc.absolute_max_metadata_size", 65536),
)
"""Equal limits leave no room for chance. Setting only the first puts the hard one 25 % above."""

LIMITS = {"wide-open": WIDE_OPEN, "default": DEFAULTS, "tuned": TUNED}


class ProbeHandler(grpc.GenericRpcHandler):
    """Serves the one method."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        if handler_call_details.method == PROBE_METHOD:
            return grpc.unary_unary_rpc_method_handler(_echo)
        return None


async def _echo(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    wish = json.loads(request or b"{}")
    await asyncio.sleep(wish.get("hold_s", 0))
    if initial := wish.get("initial"):
        await context.send_initial_metadata(entries.entries(initial))
    if trailing := wish.get("trailing"):
        context.set_trailing_metadata(tuple(entries.entries(trailing)))
    arrived = [(k, v) for k, v in context.invocation_metadata() or () if isinstance(v, str)]
    return json.dumps({"digest": entries.digest(arrived)}).encode()


async def serve(host: str, port: int, options: Options) -> None:
    """Serve until SIGTERM or SIGINT; prints `ready port=N` once it listens."""
    server = grpc.aio.server(options=[*options, ("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((ProbeHandler(),))
    states = health.aio.HealthServicer()
    await states.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    bound = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    print(f"ready port={bound}", flush=True)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await stopping.wait()
    await server.stop(1)
