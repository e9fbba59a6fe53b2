"""What tests of the products service need besides it: users' tokens, a catalogue, a server."""

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from products_svc.bootstrap import build
from products_svc.settings import Settings
from products_svc.store.database import Database
from products_svc.store.schema import prepare
from products_svc.store.values import Product, WantedGrant
from products_svc.store.writer import Writer
from shop.products.v1 import products_pb2 as pb
from shop.products.v1.products_pb2_grpc import ProductsServiceStub
from waybill.metadata import AUTHORIZATION, STRATEGY, Entry
from waybill.serving.guard import GuardedService
from waybill.serving.server import running
from waybill.signing import SigningKey, public_jwks, sign_jwt
from waybill.status import Refusal, error_from
from waybill.testing import FakeClock

TIMEOUT_S = 20
SMALL_WINDOW = (("grpc.http2.lookahead_bytes", 1024), ("grpc.http2.bdp_probe", 0))
"""Of the test's client, so that little is in flight and a slow reader is soon felt."""
HISTORY = 1000


@dataclass
class Lab:
    """A folder with everything that a products service needs, and a clock that stands still."""

    folder: Path
    database_url: str = ""
    """Empty for a file in the folder."""
    clock: FakeClock = field(default_factory=FakeClock)
    users: SigningKey = field(default_factory=SigningKey.generate)

    def __post_init__(self) -> None:
        self.database_url = self.database_url or f"sqlite:///{self.folder / 'products.db'}"
        (self.folder / "users.json").write_text(public_jwks([self.users]))

    def settings(self, **others: object) -> Settings:
        values: dict[str, Any] = {
            "port": 0,
            "user_keys": self.folder / "users.json",
            "signing_keys": self.folder / "signing.json",
            "public_keys": self.folder / "public.json",
            "database_url": self.database_url,
            "history_changes": HISTORY,
            "watch_poll_s": 0.01,
            "watch_heartbeat_s": 0.02,
            "drain_s": 1.0,
            "log_level": "error",
            **others,
        }
        return Settings(**values)

    def database(self) -> Database:
        database = Database(self.database_url)
        prepare(database, self.clock, None)
        return database

    def fill(self, products: Iterable[str], grants: Iterable[WantedGrant] = ()) -> int:
        """Products whose price is 1,000 times their place, and grants; returns the revision."""
        database = self.database()
        with database.writing() as connection:
            writer = Writer(connection, self.clock, HISTORY)
            writer.put_products(
                [Product(each, f"The {each}", 1000 * n) for n, each in enumerate(products, 1)]
            )
            writer.grant(list(grants))
            revision = writer.finish()
        database.close()
        return revision

    def credential(self, subject: str, *roles: str) -> Entry:
        now = int(self.clock())
        claims = {
            "iss": "waybill-dev",
            "aud": "shop",
            "sub": subject,
            "iat": now,
            "exp": now + 3600,
            "roles": list(roles),
        }
        return AUTHORIZATION, f"Bearer {sign_jwt(claims, self.users, typ='at+jwt')}"

    def credential_now(self, subject: str, *roles: str) -> Entry:
        """For services as processes, which have the real clock."""
        return replace(self, clock=FakeClock(time.time())).credential(subject, *roles)

    @asynccontextmanager
    async def service(self, **settings: object) -> AsyncIterator["Service"]:
        """A running service and a connection to it."""
        chosen = self.settings(**settings)
        products = build(chosen, self.clock)
        try:
            async with (
                running(chosen, products.services, products.service_names, products.checks) as port,
                aio.insecure_channel(f"127.0.0.1:{port}", options=SMALL_WINDOW) as channel,
            ):
                yield Service(self, ProductsServiceStub(channel), port, products.services[0])
        finally:
            await products.close()


@dataclass
class Service:
    """A running products service, and calls to it."""

    lab: Lab
    stub: Any
    port: int
    guarded: GuardedService

    def listing(self, subject: str = "alice", strategy: str | None = None, **fields: Any) -> Any:
        wish = [(STRATEGY, strategy)] if strategy else []
        return self.stub.ListProducts(
            pb.ListProductsRequest(**fields),
            metadata=[self.lab.credential(subject), *wish],
            timeout=TIMEOUT_S,
        )

    async def call(self, method: str, request: Any, subject: str = "root", *roles: str) -> Any:
        return await getattr(self.stub, method)(
            request, metadata=[self.lab.credential(subject, *roles)], timeout=TIMEOUT_S
        )

    async def grant(self, subject: str, *product_ids: str, **fields: Any) -> int:
        request = pb.GrantAccessRequest(subject=subject, product_ids=product_ids, **fields)
        return int((await self.call("GrantAccess", request, "root", "admin")).revision)

    async def revoke(self, subject: str, *product_ids: str, **fields: Any) -> int:
        request = pb.RevokeAccessRequest(subject=subject, product_ids=product_ids, **fields)
        return int((await self.call("RevokeAccess", request, "root", "admin")).revision)

    def watch(self, epoch: int = 0, resume_revision: int = 0, within_s: float | None = None) -> Any:
        request = pb.WatchAccessRequest(epoch=epoch, resume_revision=resume_revision)
        if within_s is not None:
            request.changes_within.FromMicroseconds(int(within_s * 1e6))
        return self.stub.WatchAccess(
            request,
            metadata=[self.lab.credential("orders", "service")],
            timeout=TIMEOUT_S,
        )


async def refusal(call: Any) -> Refusal:
    """The refusal that `call` ends with."""
    with pytest.raises(grpc.RpcError) as caught:
        await call
    return error_from(caught.value)
