"""Connections to the services."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import grpc

from client.retries import CHANNEL_OPTIONS
from waybill.budget import DEFAULT_PATH

NO_PROXY: Final = ("grpc.enable_http_proxy", 0)
"""Of a channel in plain text: it goes straight to its target."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the client allows itself.

    `path_hops` are what an order passes, by the names of `waybill.hop_limits`: state in metadata
    that would not pass each of them is not sent. `state_budget_bytes` caps it by hand instead
    (header list size; 0: no cap).
    `max_metadata_bytes` is what the client accepts in an answer's metadata (0: gRPC's default,
    8,192 soft and 16,384 hard).
    """

    timeout_s: float = 10.0
    state_budget_bytes: int | None = None
    max_metadata_bytes: int = 0
    path_hops: Sequence[str] = DEFAULT_PATH


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM texts. `ca` None trusts the system; the other two prove the client's own identity."""

    ca: bytes | None = None
    certificate: bytes | None = None
    private_key: bytes | None = field(default=None, repr=False)


def open_channel(target: str, limits: Limits, tls: Tls | None) -> grpc.Channel:
    """A connection to `target`, made when first used; plain text without `tls`.

    gRPC takes every call through the proxy that `http_proxy` names, those to this machine too. A
    proxy would read the token of one in plain text, so such a call goes straight to its target.
    """
    options = list(CHANNEL_OPTIONS)
    if limits.max_metadata_bytes:
        options.append(("grpc.max_metadata_size", limits.max_metadata_bytes))
    if tls is None:
        return grpc.insecure_channel(target, [*options, NO_PROXY])
    credentials = grpc.ssl_channel_credentials(tls.ca, tls.private_key, tls.certificate)
    return grpc.secure_channel(target, credentials, options)
