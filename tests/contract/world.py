"""Both services in one process with real gRPC between them, and a clock that the test owns."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import grpc

import orders_svc.bootstrap
import orders_svc.settings
import products_svc.bootstrap
import products_svc.settings
from client.carriers.base import KeptPage, kept_page
from client.carriers.table import CARRIERS
from shop.orders.v1 import orders_pb2, orders_pb2_grpc
from shop.products.v1 import products_pb2, products_pb2_grpc
from tests.contract.forgery import Workshop
from tests.contract.reference_forgery import References
from tests.contract.seeding import PRODUCTS, add_products
from waybill.algorithms import DEFAULT_ALGORITHM
from waybill.metadata import AUTHORIZATION, STRATEGY, Entry
from waybill.providers import Providers
from waybill.serving.server import running
from waybill.signing import SigningKey, SigningKeyFile, public_jwks, sign_jwt
from waybill.status import error_from
from waybill.strategy import Strategy
from waybill.testing import FakeClock
from waybill.values import CarriedState

STATE_BUDGET_BYTES = 4096
DEADLINE_S = 5
CATCH_UP_S = 30
_WITHOUT_TIME = {
    "replica_lag_bound_s": 2 * 3600,  # the test's clock leaps; the bound has tests of its own
    "reference_cache_ttl_s": 0,  # the cache has tests of its own
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: its code and, for a refusal, its reason."""

    code: grpc.StatusCode
    reason: str = ""

    @property
    def text(self) -> str:
        """Both in one word or two."""
        return f"{self.code.name} {self.reason}".strip()


OK = Outcome(grpc.StatusCode.OK)


class World:
    """A running shop, and what its people do. Subjects are made up as they are named."""

    state_budget_bytes = STATE_BUDGET_BYTES
    products_settings: Mapping[str, Any] = MappingProxyType({})
    """Of the products service, besides those that every world has."""
    orders_settings: Mapping[str, Any] = MappingProxyType({})
    """The same of the orders service."""
    products_providers: Providers | None = None
    orders_providers: Providers | None = None
    """Where their spans and metrics go."""

    def __init__(
        self, folder: Path, store_url: str, versions: tuple[int, ...], **common: Any
    ) -> None:
        self.clock = FakeClock()
        self._folder = folder
        self._store_url = store_url
        self._store_prefix = f"{uuid4()}:"
        self._versions = versions
        self._common = {"drain_s": 0, "log_level": "error", **common}
        self._users = SigningKey.generate()
        self._request_ids = map("request-{}".format, itertools.count())
        self._products_stack = AsyncExitStack()
        self._orders_stack = AsyncExitStack()
        self._products_port = 0
        self.orders_port = 0
        self._products: products_pb2_grpc.ProductsServiceAsyncStub
        self._orders: orders_pb2_grpc.OrdersServiceAsyncStub

    async def start(self, stack: AsyncExitStack) -> None:
        """Start products, then orders, which follows it."""
        (self._folder / "users.jwks").write_text(public_jwks([self._users]))
        (self._folder / "service-token").write_text(self.token("orders", "service"))
        await stack.enter_async_context(self._products_stack)
        self._products_port = await self._start_products()
        self.products_channel = await stack.enter_async_context(_channel(self._products_port))
        self._products = products_pb2_grpc.ProductsServiceStub(self.products_channel)
        await stack.enter_async_context(self._orders_stack)
        await self._start_orders()

    @property
    def targets(self) -> tuple[str, str]:
        """Where products and orders are."""
        return f"127.0.0.1:{self._products_port}", f"127.0.0.1:{self.orders_port}"

    async def restart_orders(self) -> None:
        """Orders ends, and starts again with what it has on disk."""
        await self._orders_stack.aclose()
        await self._start_orders()

    async def _start_products(self) -> int:
        settings = products_svc.settings.Settings(
            port=0,
            user_keys=self._folder / "users.jwks",
            database_url=f"sqlite:///{self._folder / 'products.db'}",
            signing_keys=self._folder / "signing-keys.json",
            public_keys=self._folder / "products.jwks",
            state_versions=self._versions,
            state_budget_bytes=0,  # so that an oversize state can be made
            watch_heartbeat_s=0.02,
            reference_url=self._store_url,
            reference_prefix=self._store_prefix,
            **{**self._common, **self.products_settings},
        )
        add_products(settings, self.clock)
        products = products_svc.bootstrap.build(settings, self.clock, self.products_providers)
        self._products_stack.push_async_callback(products.close)
        return await self._products_stack.enter_async_context(
            running(settings, products.services, products.service_names, products.checks)
        )

    async def _start_orders(self) -> None:
        settings = orders_svc.settings.Settings(
            port=0,
            user_keys=self._folder / "users.jwks",
            state_keys=self._folder / "products.jwks",
            database_url=f"sqlite:///{self._folder / 'orders.db'}",
            products_target=f"127.0.0.1:{self._products_port}",
            products_timeout_s=1,
            service_token_file=self._folder / "service-token",
            replica_path=self._folder / "replica",
            replica_map_bytes=2**24,
            state_budget_bytes=STATE_BUDGET_BYTES,
            reference_url=self._store_url,
            reference_prefix=self._store_prefix,
            **{**_WITHOUT_TIME, **self._common, **self.orders_settings},
        )
        orders = orders_svc.bootstrap.build(settings, self.clock, self.orders_providers)
        self._orders_stack.push_async_callback(orders.close)
        self.orders_port = await self._orders_stack.enter_async_context(
            running(settings, orders.services, orders.service_names, orders.checks)
        )
        channel = _channel(self.orders_port)
        self.orders_channel = await self._orders_stack.enter_async_context(channel)
        self._orders = orders_pb2_grpc.OrdersServiceStub(self.orders_channel)

    def token(self, subject: str, *roles: str) -> str:
        """A user's token, valid now and for as long as any test lasts."""
        now = int(self.clock())
        claims = {
            "iss": "waybill-dev",
            "aud": "shop",
            "sub": subject,
            "iat": now,
            "exp": now + 10**6,
            "roles": list(roles),
        }
        return sign_jwt(claims, self._users, typ="at+jwt")

    def signing_key(self) -> SigningKey:
        """The key that products signs with now."""
        return SigningKeyFile(self._folder / "signing-keys.json").load_or_create()[0]

    def workshop(self) -> Workshop:
        """What a forger inside of products would have."""
        return Workshop(self.signing_key(), References(self._store_url, self._store_prefix))

    async def grant(self, subject: str, *product_ids: str, most: int = 0) -> int:
        """Entitle `subject`, to `most` of each unless 0; the revision of the change."""
        request = products_pb2.GrantAccessRequest(
            subject=subject, product_ids=product_ids, max_quantity=most
        )
        answer = await self._products.GrantAccess(request, metadata=self._admin())
        return answer.revision

    async def revoke(self, subject: str, *product_ids: str) -> int:
        """Take entitlements away; the revision of the change."""
        request = products_pb2.RevokeAccessRequest(subject=subject, product_ids=product_ids)
        answer = await self._products.RevokeAccess(request, metadata=self._admin())
        return answer.revision

    async def list_page(self, subject: str, strategy: Strategy) -> KeptPage:
        """List the subject's products on one page, with what an order of them all would carry.

        By the time that a person has read the list, the feed has brought what it shows.
        """
        await self.feed_caught_up()
        call = self._products.ListProducts(
            products_pb2.ListProductsRequest(page_size=len(PRODUCTS)),
            metadata=[*self._identity(subject), (STRATEGY, strategy.value)],
        )
        answer, carrier = await call, CARRIERS[strategy]
        entries = [(key, value) for key, value in await call.initial_metadata() or ()]
        page = kept_page(carrier, answer, entries)
        return replace(page, carried=carrier.carry([page], page.product_ids))

    async def order(
        self,
        subject: str,
        strategy: Strategy,
        product_ids: list[str],
        carried: CarriedState,
        *,
        min_revision: int = 0,
    ) -> Outcome:
        """Place an order of one piece each, carrying `carried`."""
        request = orders_pb2.PlaceOrderRequest(
            request_id=next(self._request_ids),
            lines=[orders_pb2.OrderLine(product_id=each, quantity=1) for each in product_ids],
            min_revision=min_revision,
            state=carried.envelopes,
            page_proofs=carried.proofs,
        )
        metadata = [*self._identity(subject), (STRATEGY, strategy.value), *carried.metadata]
        try:
            await self._orders.PlaceOrder(request, metadata=metadata, timeout=DEADLINE_S)
        except grpc.RpcError as error:
            refusal = error_from(error)
            return Outcome(refusal.code, refusal.reason)
        return OK

    async def feed_caught_up(self) -> None:
        """Return once the replica holds every change committed so far."""
        revision = await self.grant("somebody", "tea")
        async with asyncio.timeout(CATCH_UP_S):
            while not await self._replica_is_at(revision):
                pass  # it is still cold; one that is warm has waited

    async def _replica_is_at(self, revision: int) -> bool:
        probe = await self.order(
            "somebody", Strategy.REPLICA, ["tea"], CarriedState(), min_revision=revision
        )
        assert probe.code in {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
        return probe == OK

    async def rotate_keys(self, keep: int = 2, algorithm: str = DEFAULT_ALGORITHM) -> None:
        """Products signs with a new key; `keep` keys stay trusted, the new one among them."""
        file = SigningKeyFile(self._folder / "signing-keys.json", algorithm)
        file.rotate(keep)
        file.write_public(self._folder / "products.jwks")
        self.clock.advance(60)  # beyond every interval at which key files are looked at

    async def stop_products(self) -> None:
        """Products is gone, and does not come back."""
        await self._products_stack.aclose()

    def _identity(self, subject: str) -> list[Entry]:
        return [(AUTHORIZATION, f"Bearer {self.token(subject)}")]

    def _admin(self) -> list[Entry]:
        return [(AUTHORIZATION, f"Bearer {self.token('root', 'admin')}")]


@asynccontextmanager
async def world(
    folder: Path, store_url: str, versions: tuple[int, ...] = (2,), **common: Any
) -> AsyncIterator[World]:
    """A running shop whose products service issues state of `versions`.

    `common` are settings of both services.
    """
    async with AsyncExitStack() as stack:
        shop = World(folder, store_url, versions, **common)
        await shop.start(stack)
        yield shop


def _channel(port: int) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}")
