"""The few formulas that the report rests on."""

from math import sqrt

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

_Z_95 = 1.959964
"""The standard normal distribution's 97.5th percentile."""


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927); all is possible without a trial."""
    if not trials:
        return 0.0, 1.0
    share, z2 = successes / trials, _Z_95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z_95 / (1 + z2 / trials) * sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def predicted_refusals(size: float, soft: int = SOFT_LIMIT, hard: int = HARD_LIMIT) -> float:
    """The share of calls with `size` bytes of metadata that gRPC documents to refuse.

    Random between the two limits, P = (size - soft) / (hard - soft); see gRPC's channel arguments
    `grpc.max_metadata_size` and `grpc.absolute_max_metadata_size`.
    """
    return min(1.0, max(0.0, (size - soft) / (hard - soft)))
