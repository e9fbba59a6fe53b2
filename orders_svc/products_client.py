"""The orders service's way to the products service: one channel, and the service's own credential.

`ProductsClient` is what the direct call asks (`AccessSource`) and what feeds the replica and
the watermarks (`Feed`).
"""

import json
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc import aio

from orders_svc.access import Grant
from orders_svc.settings import Settings
from orders_svc.strategies.direct_call import AccessAnswer, UpstreamTimedOut
from shop.products.v1.products_pb2 import (
    CheckAccessRequest,
    CheckAccessResponse,
    WatchAccessRequest,
    WatchAccessResponse,
)
from shop.products.v1.products_pb2_grpc import ProductsServiceStub
from waybill.errors import HistoryCompacted, NotGranted, UpstreamUnavailable
from waybill.metadata import AUTHORIZATION
from waybill.providers import Providers
from waybill.rpc_telemetry import UNOBSERVED, ClientCalls
from waybill.status import error_from

Metadata = tuple[tuple[str, str], ...]

# CheckAccess only reads, so asking again is harmless. Retries are for a connection that broke under
# the call; they end no outage, and throttling stops them in one (gRFC A6). A broken stream is the
# follower's to resume, so WatchAccess has no policy.
_SERVICE_CONFIG = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{"service": "shop.products.v1.ProductsService", "method": "CheckAccess"}],
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.02s",
                    "maxBackoff": "0.2s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
        "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
    }
)

CHANNEL_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.service_config", _SERVICE_CONFIG),
    # Where calls and this service's token go is said by its settings, and by no proxy variable.
    ("grpc.enable_http_proxy", 0),
    # A peer that vanished without a word is noticed within this, while a call or stream is open.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    # gRPC's own back-off goes up to two minutes, far longer than products takes to restart.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for TLS to products: its CA, and this service's own certificate for mutual TLS."""

    ca_file: Path
    cert_file: Path | None = None
    key_file: Path | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """Read the files.

        Raises:
            OSError: one of them cannot be read.
        """
        return grpc.ssl_channel_credentials(
            root_certificates=self.ca_file.read_bytes(),
            private_key=self.key_file.read_bytes() if self.key_file else None,
            certificate_chain=self.cert_file.read_bytes() if self.cert_file else None,
        )


def open_channel(target: str, tls: TlsFiles | None = None) -> aio.Channel:
    """A channel to products at `target`, in the clear without `tls`. Needs a running event loop."""
    if tls is None:
        return aio.insecure_channel(target, options=CHANNEL_OPTIONS)
    return aio.secure_channel(target, tls.credentials(), options=CHANNEL_OPTIONS)


def connect(settings: Settings, providers: Providers | None = None) -> "ProductsClient":
    """A client as the settings say. Needs a running event loop.

    gRPC lets clients of one target share a connection.

    Raises:
        OSError: a TLS file cannot be read.
    """
    tls = None
    if settings.products_tls_ca_file is not None:
        tls = TlsFiles(
            settings.products_tls_ca_file,
            settings.products_tls_cert_file,
            settings.products_tls_key_file,
        )
    channel = open_channel(settings.products_target, tls)
    return ProductsClient(channel, TokenFile(settings.service_token_file), ClientCalls(providers))


class TokenFile:
    """This service's credential, from a file that may be replaced at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._token = ""

    def __call__(self) -> str:
        """The token as the file has it now, or the last one while the file is gone or empty.

        Raises:
            UpstreamUnavailable: there has never been one.
        """
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self._stamp:
                self._token = self._path.read_text("ascii").strip() or self._token
                self._stamp = stamp
        except (OSError, UnicodeDecodeError) as error:
            if not self._token:
                raise UpstreamUnavailable("the service token cannot be read") from error
        if not self._token:
            raise UpstreamUnavailable("the service token file is empty")
        return self._token


class ProductsClient:
    """Asks the products service in this service's name."""

    def __init__(
        self, channel: aio.Channel, token: Callable[[], str], calls: ClientCalls = UNOBSERVED
    ) -> None:
        """`channel` is closed with the client; `token` is called for each question."""
        self._calls = calls
        self._channel = channel
        self._token = token
        self._stub = ProductsServiceStub(channel)

    async def check_access(
        self, subject: str, product_ids: Sequence[str], *, timeout_s: float
    ) -> AccessAnswer:
        """See `orders_svc.strategies.direct_call.AccessSource`."""
        request = CheckAccessRequest(subject=subject, product_ids=product_ids)
        with _translated(), self._calls.call(request, self._metadata()) as metadata:
            response = await self._stub.CheckAccess(request, timeout=timeout_s, metadata=metadata)
        return _answer(response, frozenset(product_ids))

    async def watch(
        self, epoch: int, resume_revision: int, within_s: float | None = None
    ) -> AsyncGenerator[WatchAccessResponse, None]:
        """See `orders_svc.feed.follower.Feed`.

        With `within_s` the changes of so many seconds come instead of a snapshot.
        """
        request = WatchAccessRequest(epoch=epoch, resume_revision=resume_revision)
        if within_s is not None:
            request.changes_within.FromMicroseconds(int(within_s * 1_000_000))
        with _translated(), self._calls.call(request, self._metadata()) as metadata:
            call = self._stub.WatchAccess(request, metadata=metadata)
            try:
                async for event in call:
                    yield event
            finally:
                call.cancel()

    async def close(self) -> None:
        """Close the channel; questions under way are cancelled."""
        await self._channel.close()

    def _metadata(self) -> Metadata:
        return ((AUTHORIZATION, f"Bearer {self._token()}"),)


def _answer(response: CheckAccessResponse, asked: frozenset[str]) -> AccessAnswer:
    revision = response.revision
    grants = {
        grant.product_id: Grant(
            grant.product_id, grant.max_quantity, grant.unit_price_micros, revision
        )
        for grant in response.grants
        if grant.product_id in asked
    }
    return AccessAnswer(grants, revision)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn gRPC's errors into ours; another service's status text is not passed on."""
    try:
        yield
    except aio.AioRpcError as error:
        refusal = error_from(error)
        code = refusal.code
        text = f"products answered {code.name} {refusal.reason}".strip()
        if code is grpc.StatusCode.OUT_OF_RANGE:
            raise HistoryCompacted(text) from error
        if code is grpc.StatusCode.INVALID_ARGUMENT and "subject" in refusal.violations:
            raise NotGranted(text) from error  # nobody of such a name can be given anything
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            raise UpstreamTimedOut(text) from error
        raise UpstreamUnavailable(text) from error
