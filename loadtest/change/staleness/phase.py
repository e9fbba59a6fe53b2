"""One stretch of the experiment: customers of all lanes at one shop, while rights change."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

from loadtest.change.calls import Administration, Desk, channel
from loadtest.change.changing import ANY, Changer, Churn, Dwell
from loadtest.change.customers import Customer
from loadtest.change.history import History
from loadtest.change.lanes import Lane, Lifetimes, Revocation
from loadtest.change.oracle import Key
from loadtest.change.staleness.knobs import StalenessKnobs
from loadtest.change.staleness.outcome import Phase
from loadtest.change.traffic import Crowd, Goods, Traffic
from loadtest.setting import LAB_ORDERS_ENV, LAB_PRODUCTS_ENV
from loadtest.shop import ADMIN_ROLE, ADMIN_SUBJECT, Shop
from loadtest.stock import Stock

TIMEOUT_S = 3.0
"""Of every call."""
SETTLE_S = 0.5
"""Between the first grants and the first order."""
BACKGROUND_SUBJECTS = 50
BACKGROUND_PRODUCTS = 5
"""How many rights one change in the background gives or takes."""
PRODUCTS = 2 + BACKGROUND_PRODUCTS

Meanwhile: TypeAlias = Callable[[History], Coroutine[Any, Any, object]]
"""What goes on meanwhile; the phase ends with it."""


def staleness_shop(
    folder: Path, lives: Lifetimes, revocation: Revocation, seed: int, **more: Any
) -> Shop:
    """A shop, not started yet, in which things live as long as `lives` says.

    `more` are further settings of the orders service, by their names in `ORDERS_*`.
    """
    further = {f"ORDERS_{name.upper()}": str(value) for name, value in more.items()}
    return Shop(
        folder,
        products_env=LAB_PRODUCTS_ENV | lives.products_env,
        orders_env={
            **LAB_ORDERS_ENV,
            **lives.orders_env,
            "ORDERS_STATE_REVOCATION": revocation.value,
            **further,
        },
        stock=Stock(grants={"somebody": 1}, products=PRODUCTS, seed=seed),
    )


class Lab:
    """Everybody in it lives on one event loop."""

    def __init__(self, shop: Shop, lanes: Sequence[Lane], knobs: StalenessKnobs, seed: int) -> None:
        self._shop = shop
        self._knobs = knobs
        self._random = Random(f"staleness/{seed}")  # noqa: S311 - repeatable, not secret
        self._history = History()
        ids = [product.product_id for product in shop.stock.catalogue()]
        self._goods = Goods(changing=ids[0], steady=ids[1])
        self._background = ids[2:]
        self._lanes = lanes

    async def run(self, meanwhile: Meanwhile) -> Phase:
        """Let rights change and orders flow for as long as `meanwhile` takes.

        Raises:
            Exception: what `meanwhile` raises.
        """
        async with AsyncExitStack() as stack:
            products = await stack.enter_async_context(channel(self._shop.products_target))
            administration = Administration(
                products, self._shop.token(ADMIN_SUBJECT, [ADMIN_ROLE]), TIMEOUT_S
            )
            changer = Changer(administration, self._history, time.monotonic)
            crowds = [await self._crowd(lane, stack) for lane in self._lanes]
            await self._grant_steady(crowds, changer)
            churn = self._churn(administration)
            began = time.monotonic()
            await self._busy(crowds, changer, churn, meanwhile)
        return Phase(
            lanes=self._lanes,
            history=self._history,
            changing=self._goods.changing,
            strangers=frozenset(crowd.stranger.subject for crowd in crowds),
            began=began,
            duration_s=time.monotonic() - began,
            background_changes=churn.made,
            settings={**self._knobs.lifetimes.products_env, **self._knobs.lifetimes.orders_env},
        )

    async def _crowd(self, lane: Lane, stack: AsyncExitStack) -> Crowd:
        """The customers of a lane, who share a connection to each service."""
        products = await stack.enter_async_context(channel(self._shop.products_target))
        orders = await stack.enter_async_context(channel(self._shop.orders_target))
        customers = []
        for number in range(self._knobs.customers + 1):
            subject = f"{lane.name}-{number}"
            token = self._shop.token(subject)
            desk = Desk(products, orders, lane.strategy, subject, token, TIMEOUT_S)
            customers.append(self._customer(subject, lane, desk))
        *others, stranger = customers
        return Crowd(others, stranger)

    def _customer(self, subject: str, lane: Lane, desk: Desk) -> Customer:
        return Customer(
            subject,
            lane,
            desk,
            self._history,
            state_ttl_s=self._knobs.state_ttl_s,
            clock=time.monotonic,
        )

    async def _grant_steady(self, crowds: Sequence[Crowd], changer: Changer) -> None:
        """What everybody may always order; changes like any other for the oracle."""
        for crowd in crowds:
            everybody = (*crowd.customers, crowd.stranger)
            keys = [Key(customer.subject, self._goods.steady) for customer in everybody]
            await asyncio.gather(*(changer.change(key, ANY) for key in keys))
        await asyncio.sleep(SETTLE_S)

    def _churn(self, administration: Administration) -> Churn:
        return Churn(
            administration,
            [f"background-{number}" for number in range(BACKGROUND_SUBJECTS)],
            self._background,
            changes_per_s=self._knobs.changes_per_s,
        )

    async def _busy(
        self,
        crowds: Sequence[Crowd],
        changer: Changer,
        churn: Churn,
        meanwhile: Meanwhile,
    ) -> None:
        over, dwell = asyncio.Event(), Dwell(*self._knobs.dwell_s)
        background = asyncio.create_task(churn.run())
        async with asyncio.TaskGroup() as tasks:
            for crowd in crowds:
                random = Random(self._random.random())  # noqa: S311 - repeatable, not secret
                traffic = Traffic(crowd, self._goods, self._history, tasks, over, random)
                tasks.create_task(traffic.flow(self._knobs.orders_per_s))
                for customer in crowd.customers:
                    tasks.create_task(traffic.changes(customer, changer, dwell))
            lasting = asyncio.create_task(meanwhile(self._history))
            await asyncio.wait([lasting])
            over.set()
        background.cancel()
        await lasting  # for what went wrong in it
