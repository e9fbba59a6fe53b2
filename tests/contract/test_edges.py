"""The edges of the shop as traces show them: calls, and the ones that no call shows.

Everybody traces into one exporter, as into one backend. A call edge is a server's span whose parent
is a client's; a state edge is the link from the span of a reader to the one of the issuer. Both are
held against the register: an edge that it lacks fails.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from client.api import ShopClient
from tests.contract.world import World, world
from tests.telemetry_kit import Observed, service_of
from waybill.register import FILE_NAME, Register, read
from waybill.strategy import Strategy

REGISTER = read(files("shop") / FILE_NAME)
CARRYING = {state.strategy for state in REGISTER.states}
PRODUCTS_TO_ORDERS = ("products", "orders")
LIST = "shop.products.v1.ProductsService/ListProducts"
CHECK = "shop.products.v1.ProductsService/CheckAccess"
WATCH = "shop.products.v1.ProductsService/WatchAccess"
PLACE = "shop.orders.v1.OrdersService/PlaceOrder"
CallEdge = tuple[str, str, str]
StateEdge = tuple[str, str, str, int]


def call_edges(spans: Sequence[ReadableSpan]) -> set[CallEdge]:
    """Caller, callee and method of every call that both ends saw."""
    by_id = {span.context.span_id: span for span in spans if span.context}
    return {
        (service_of(by_id[span.parent.span_id]), service_of(span), span.name)
        for span in spans
        if span.kind is SpanKind.SERVER and span.parent and span.parent.span_id in by_id
    }


def state_edges(spans: Sequence[ReadableSpan]) -> set[StateEdge]:
    """Issuer, reader, strategy and version of every state that a call relied on."""
    by_id = {span.context.span_id: span for span in spans if span.context}
    return {
        (service_of(by_id[link.context.span_id]), service_of(span), *_about(link.attributes))
        for span in spans
        for link in span.links
    }


def _about(attributes: Any) -> tuple[str, int]:
    return attributes["waybill.strategy"], attributes["waybill.state.version"]


def missing(spans: Sequence[ReadableSpan], register: Register) -> set[tuple[Any, ...]]:
    """The edges that traces show and the register lacks."""
    calls, states = call_edges(spans), state_edges(spans)
    return (calls - register.call_edges()) | (states - register.state_edges())


@dataclass(frozen=True)
class Traced:
    """A running shop that issues one version, and everybody's spans."""

    shop: World
    exporter: InMemorySpanExporter
    version: int

    async def article(self, strategy: Strategy) -> Sequence[ReadableSpan]:
        """List at products, order at orders: the spans of that."""
        await self.shop.grant("ada", "tea")
        await self.shop.feed_caught_up()
        self.exporter.clear()
        await asyncio.to_thread(self._list_and_order, strategy)
        return self.exporter.get_finished_spans()

    def _list_and_order(self, strategy: Strategy) -> None:
        providers = Observed("client", self.exporter).providers
        token = self.shop.token("ada")
        with ShopClient(
            *self.shop.targets, token, strategy=strategy, providers=providers
        ) as shopping:
            listed = shopping.list()
            shopping.order({listed.products[0].product_id: 1})


@pytest.fixture(params=[1, 2], ids="v{}".format)
async def traced(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    valkey_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Traced]:
    exporter, version = InMemorySpanExporter(), int(request.param)
    monkeypatch.setattr(World, "products_providers", Observed("products", exporter).providers)
    monkeypatch.setattr(World, "orders_providers", Observed("orders", exporter).providers)
    monkeypatch.setattr(World, "orders_settings", MappingProxyType({"cache_ttl_s": 0}))
    async with world(tmp_path, valkey_url, (version,)) as shop:
        yield Traced(shop, exporter, version)


async def test_the_article_has_an_edge_that_no_call_shows(traced: Traced) -> None:
    spans = await traced.article(Strategy.METADATA_JWT)
    assert call_edges(spans) == {("client", "products", LIST), ("client", "orders", PLACE)}
    assert state_edges(spans) == {("products", "orders", "metadata-jwt", traced.version)}
    assert missing(spans, REGISTER) == set()


async def test_every_edge_of_every_strategy_is_registered(traced: Traced) -> None:
    for strategy in Strategy:
        spans = await traced.article(strategy)
        assert missing(spans, REGISTER) == set()
        carried = {(*PRODUCTS_TO_ORDERS, strategy.value, traced.version)}
        assert state_edges(spans) == (carried if strategy in CARRYING else set())
        asked = ("orders", "products", CHECK) in call_edges(spans)
        assert asked == (strategy is Strategy.DIRECT_CALL)


async def test_a_page_that_is_remembered_still_shows_its_edge(traced: Traced) -> None:
    """Orders remembers what it verified; the link is that of each call all the same."""
    await traced.article(Strategy.METADATA_JWT)
    spans = await traced.article(Strategy.METADATA_JWT)
    assert state_edges(spans)


async def test_an_edge_that_the_register_lacks_fails(traced: Traced) -> None:
    spans = await traced.article(Strategy.METADATA_JWT)
    others = [s for s in REGISTER.states if s.strategy is not Strategy.METADATA_JWT]
    stateless = replace(REGISTER, states=tuple(others))
    assert missing(spans, stateless) == {(*PRODUCTS_TO_ORDERS, "metadata-jwt", traced.version)}
    callless = replace(REGISTER, calls=tuple(c for c in REGISTER.calls if c.callee != "orders"))
    assert missing(spans, callless) == {("client", "orders", PLACE)}


async def test_the_feed_of_the_replica_is_a_registered_call(traced: Traced) -> None:
    """Its one long call ends with the shop."""
    edge = ("orders", "products", WATCH)
    await traced.shop.feed_caught_up()
    await traced.shop.stop_products()
    await until(lambda: edge in call_edges(traced.exporter.get_finished_spans()))
    assert missing(traced.exporter.get_finished_spans(), REGISTER) == set()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 -- an exporter tells nobody
            await asyncio.sleep(0.01)
