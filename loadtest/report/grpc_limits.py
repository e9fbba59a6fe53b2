"""What gRPC documents of its own limits on metadata."""

from loadtest.limits.statistics import ramp

SOFT_LIMIT = 8_192
"""`grpc.max_metadata_size` by default: metadata of more bytes may be refused."""
HARD_LIMIT = 16_384
"""`grpc.absolute_max_metadata_size` by default: metadata of more bytes is refused."""

OWN_ENTRIES_BYTES = 535
"""What gRPC's own entries add to a PlaceOrder's metadata, as HTTP/2 counts them.

The sum of name, value and 32 over `:path`, `:authority` (a loopback address), `:method`, `:scheme`,
`content-type`, `te`, `grpc-accept-encoding`, `grpc-timeout` and `user-agent` as grpcio 1.85 sends
them to a server that lists what it got. The limits count these too.
"""


def predicted_refusals(size: float) -> float:
    """The share of calls with `size` bytes of metadata that gRPC documents to refuse.

    Random between the two limits, P = (size - soft) / (hard - soft); see gRPC's channel arguments
    `grpc.max_metadata_size` and `grpc.absolute_max_metadata_size`.
    """
    return ramp(size, SOFT_LIMIT, HARD_LIMIT)
