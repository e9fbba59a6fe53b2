"""How a caller tries again, as gRPC does it for us (gRFC A6): the recommendation for every client.

UNAVAILABLE is tried again: it says that nothing could be known, which may pass. So is CANCELLED,
which a call gets that reached a server as it shut down, before anybody took it; a caller's own
cancelling is not tried again. Orders may be repeated, since two with one request id are one.
Throttling stops the retries of a channel once about half of its calls fail, so that an outage is
not made worse by those who wait for its end.
"""

import json
from typing import Final

MAX_ATTEMPTS: Final = 3

SERVICE_CONFIG: Final = json.dumps(
    {
        "methodConfig": [
            {
                "name": [
                    {"service": "shop.orders.v1.OrdersService"},
                    {"service": "shop.products.v1.ProductsService", "method": "ListProducts"},
                ],
                "retryPolicy": {
                    "maxAttempts": MAX_ATTEMPTS,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "0.5s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
                },
            }
        ],
        "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
    }
)

CHANNEL_OPTIONS: Final[tuple[tuple[str, int | str], ...]] = (
    ("grpc.service_config", SERVICE_CONFIG),
    # gRPC's own back-off goes up to two minutes, far longer than a service takes to restart.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)
