"""Which setting raises the limit of a hop: what `mesh/<hop>/tuned.*` shows in use."""

from collections.abc import Mapping
from typing import Final

from waybill.header_limits import Direction

GRPCIO: Final = "grpc.max_metadata_size, grpc.absolute_max_metadata_size"

DIRECTIVES: Final[Mapping[str, Mapping[Direction, str]]] = {
    "grpcio server": {Direction.REQUEST: GRPCIO},
    "grpcio client": {Direction.INITIAL: GRPCIO, Direction.TRAILING: GRPCIO},
    "envoy": {
        Direction.REQUEST: "max_request_headers_kb, max_headers_count",
        **dict.fromkeys(
            (Direction.INITIAL, Direction.TRAILING), "max_response_headers_kb, max_headers_count"
        ),
    },
    "caddy": {
        Direction.REQUEST: "max_header_size",
        **dict.fromkeys((Direction.INITIAL, Direction.TRAILING), "max_response_header"),
    },
    "nginx": {
        Direction.REQUEST: "large_client_header_buffers",
        **dict.fromkeys((Direction.INITIAL, Direction.TRAILING), "grpc_buffer_size"),
    },
    "haproxy": dict.fromkeys(Direction, "tune.bufsize, tune.http.maxhdr"),
}
"""By component, without its variant. grpc-js has no such setting."""


def directive(hop: str, direction: Direction) -> str:
    """What to raise there; of a measured chain, what to raise at each; empty where unknown."""
    found = [
        f"{part}: {known}" if "+" in hop else known
        for part in hop.split("+")
        if (known := DIRECTIVES.get(part.partition(":")[0], {}).get(direction))
    ]
    return "; ".join(found)
