"""`make demo`: the article's story in the terminal, under each strategy.

    python -m loadtest.demo

Starts both services on free ports. List, order, tamper, revoke; then a list that grows until the
header breaks. Exits with 1 if the story does not go as told.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from client.api import ShopClient
from client.carriers.base import KeptPage
from client.channels import Limits
from client.errors import CallRefused
from loadtest.colours import COLOURS
from loadtest.forgery import tampered
from loadtest.processes import run_program
from loadtest.shop import ADMIN_ROLE, ADMIN_SUBJECT, Shop
from loadtest.stock import Stock
from loadtest.table import WIDTH
from waybill.strategy import Strategy

GROWTH = (10, 50, 100, 200, 400, 1_000)
"""Products on the one page that a customer lists."""

DEMO_ENV = {
    # The issuer would refuse to issue what cannot arrive; here it must try.
    "PRODUCTS_STATE_BUDGET_BYTES": "0",
    "PRODUCTS_LOG_LEVEL": "error",
}
ROOMY = Limits(timeout_s=5.0, state_budget_bytes=0, max_metadata_bytes=1024**2)
"""A client that takes any list and sends anything, so that the services' own limits are met."""

OK = "accepted"


@dataclass(frozen=True, slots=True)
class Told:
    """How one step ended, and whether the story has it so."""

    outcome: str
    detail: str
    as_told: bool


class Story:
    """One customer's day under one strategy."""

    def __init__(self, shop: Shop, strategy: Strategy) -> None:
        self._shop = shop
        self._strategy = strategy
        self.subject = f"ada-{strategy}"

    @contextmanager
    def client(self, subject: str, *roles: str) -> Iterator[ShopClient]:
        """A client of the shop, logged in as `subject`."""
        token = self._shop.token(subject, roles)
        targets = self._shop.products_target, self._shop.orders_target
        with ShopClient(*targets, token, strategy=self._strategy, limits=ROOMY) as client:
            yield client

    def steps(self) -> Iterator[tuple[str, Told]]:
        """List, order, tamper, revoke, each with how it ended."""
        with self.client(self.subject) as ada, self.client(ADMIN_SUBJECT, ADMIN_ROLE) as admin:
            page = ada.list(page_size=GROWTH[0])
            first, second = sorted(page.kept.product_ids)[:2]
            size = ada.carried([first]).size_bytes
            carries = f"{len(page.products)} products, an order of one carries {size:,} bytes"
            yield "list", Told("answered", carries, as_told=bool(size) == ada.keeps_state)
            yield "order", told(ada, first, expected=OK)
            if ada.keeps_state:
                yield "tamper with the state", self._tampered(ada, page.kept, first)
            revision = admin.revoke(self.subject, [second]).revision
            yield "order what was just revoked", told(ada, second, expected=None)
            yield (
                f"the same, demanding revision {revision}",
                told(ada, second, expected="refused", min_revision=revision),
            )

    def _tampered(self, ada: ShopClient, page: KeptPage, product_id: str) -> Told:
        kept, ada.pages = ada.pages, (tampered(page),)
        try:
            return told(ada, product_id, expected="refused")
        finally:
            ada.pages = kept

    def grown(self) -> Iterator[tuple[int, int, Told]]:
        """For each length of the list: ids, bytes carried, and what an order of one comes to."""
        for ids in GROWTH:
            with self.client(customer(ids)) as client:
                page = client.list(page_size=ids)
                product_id = min(page.kept.product_ids)
                carried = client.carried([product_id]).size_bytes
                yield ids, carried, told(client, product_id, expected=None)


def told(
    client: ShopClient, product_id: str, *, expected: str | None, min_revision: int = 0
) -> Told:
    """Order one piece; `expected` None takes either end."""
    try:
        order = client.order({product_id: 1}, min_revision=min_revision)
    except CallRefused as refused:
        refusal = refused.refusal
        outcome, detail = "refused", f"{refusal.code.name} {refusal.reason or refusal.message}"
    else:
        outcome, detail = OK, f"order {order.order_id[:8]}…, checked by {order.strategy}"
    return Told(outcome, detail, expected in {None, outcome})


def customer(ids: int) -> str:
    """The subject who may order exactly so many products."""
    return f"customer-of-{ids}"


def stock() -> Stock:
    """One customer a strategy for the story, one a length for the list that grows."""
    grants = {f"ada-{strategy}": GROWTH[0] for strategy in Strategy}
    return Stock(grants | {customer(ids): ids for ids in GROWTH}, products=max(GROWTH))


def play(shop: Shop, console: Console) -> bool:
    """Tell the whole story; whether it went as told."""
    as_told = True
    for strategy in Strategy:
        console.print(Text(f"\n{strategy}", style=f"bold {COLOURS[strategy]}"))
        for step, end in Story(shop, strategy).steps():
            as_told &= end.as_told
            console.print(line(step, end))
    console.print(
        "\nWhat was revoked is still accepted where state was listed before: until that expires,"
        "\nand by reference for the second that orders remembers it. The replica may miss a change"
        "\nfor milliseconds. Who needs better demands a revision, or lets orders follow revocations"
        "\n(docs/strategies)."
    )
    console.print(Text("\nthe list grows: bytes carried, and whether one order passes", "bold"))
    console.print(growth_table({strategy: Story(shop, strategy).grown for strategy in Strategy}))
    console.print(
        "The header breaks between 8,192 and 16,384 bytes, at random in between; a message field "
        "carries on,\na proof of one product hardly grows, and where nothing travels there is "
        "nothing to break.\n`make compare` measures what each costs."
    )
    return as_told


def line(step: str, end: Told) -> Text:
    """One step on one line."""
    style = "green" if end.outcome != "refused" else "yellow"
    text = Text(f"  {step:<36}").append(f"{end.outcome:<10}", style).append(end.detail)
    return text if end.as_told else text.append("  << not as told", "bold red")


Grown = Callable[[], Iterator[tuple[int, int, Told]]]


def growth_table(strategies: Mapping[Strategy, Grown]) -> Table:
    """Strategies down, lengths across."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("ids on the page")
    for ids in GROWTH:
        table.add_column(f"{ids:,}", justify="right")
    for strategy, grown in strategies.items():
        cells = [_cell(carried, end) for _, carried, end in grown()]
        table.add_row(Text(strategy, COLOURS[strategy]), *cells)
    return table


def _cell(carried: int, end: Told) -> Text:
    if end.outcome == OK:
        return Text(f"{carried:,} ok", "green")
    return Text(f"{carried:,} refused", "bold red")


def main() -> int:
    """Play it; returns the exit code."""
    console = Console(width=WIDTH, highlight=False)
    console.print("Two services, one question: who tells orders what a customer may order?")
    with tempfile.TemporaryDirectory(prefix="waybill-demo-") as folder:
        products_env, orders_env = DEMO_ENV, {"ORDERS_LOG_LEVEL": "error"}
        with Shop(
            Path(folder), products_env=products_env, orders_env=orders_env, stock=stock()
        ) as shop:
            return 0 if play(shop, console) else 1


if __name__ == "__main__":
    run_program(main)
