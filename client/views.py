"""Answers of the services as reports."""

from collections.abc import Collection, Sequence

from client.api import ListedPage, is_complete
from client.report import Column, Facts, Line, Report, Table
from client.words import budget_use, count, moment, money, most, size
from shop.orders.v1.orders_pb2 import Order, PlacedLine
from shop.products.v1.products_pb2 import GetProductResponse, Product
from waybill.header_caps import Use
from waybill.strategy import Strategy

PRODUCT_COLUMNS = (
    Column("product"),
    Column("name"),
    Column("price", right=True),
    Column("at most", right=True),
)
LINE_COLUMNS = (
    Column("product"),
    Column("quantity", right=True),
    Column("unit price", right=True),
    Column("revision", right=True),
)
ORDER_COLUMNS = (
    Column("order"),
    Column("placed"),
    Column("units", right=True),
    Column("strategy"),
)


def listing(pages: Sequence[ListedPage], strategy: Strategy) -> Report:
    """What the caller may order. The revision is the lowest of the pages: all hold from there."""
    products = [product for page in pages for product in page.products]
    revision = min(page.revision for page in pages)
    carried = sum(page.kept.carried.size_bytes for page in pages)
    next_token = pages[-1].next_page_token
    document = {
        "strategy": strategy.value,
        "revision": revision,
        "pages": len(pages),
        "complete": is_complete(pages),
        "next_page_token": next_token,
        "carried_bytes": carried,
        "products": [product_document(product) for product in products],
    }
    rows = [
        (
            p.product_id,
            p.display_name,
            money(p.unit_price_micros, p.currency_code),
            most(p.max_quantity),
        )
        for p in products
    ]
    kept = f"{count(len(pages), 'page')}, {size(carried)} of state kept" if carried else "no state"
    return Report(
        document,
        [
            Table(PRODUCT_COLUMNS, rows, empty="You may order nothing."),
            Line(f"{count(len(products), 'product')} at revision {revision}; {kept} ({strategy})."),
            *([Line("There are more: add --all, or a larger --page-size.")] if next_token else []),
        ],
    )


def product_document(product: Product) -> dict[str, object]:
    """One product for machines."""
    return {
        "product_id": product.product_id,
        "display_name": product.display_name,
        "unit_price_micros": product.unit_price_micros,
        "currency_code": product.currency_code,
        "max_quantity": product.max_quantity,
    }


def product(answer: GetProductResponse) -> Report:
    """One product."""
    item = answer.product
    facts = (
        ("product", item.product_id),
        ("name", item.display_name),
        ("price", money(item.unit_price_micros, item.currency_code)),
        ("at most", most(item.max_quantity)),
        ("revision", str(answer.revision)),
    )
    return Report({**product_document(item), "revision": answer.revision}, [Facts(facts)])


def order(placed: Order, *, carried_bytes: int | None = None, near: Use | None = None) -> Report:
    """One order, or what would have been one."""
    document = order_document(placed)
    facts = [
        ("request id", placed.request_id),
        ("created", moment(placed.create_time.seconds) if placed.order_id else "no"),
        ("vouched for by", placed.strategy),
    ]
    if carried_bytes is not None:
        document["carried_bytes"] = carried_bytes
        facts.append(("state carried", size(carried_bytes)))
    if near is not None:
        document["near_budget"] = near.facts
        facts.append(("close to the budget", budget_use(near)))
    rows = [(x.product_id, str(x.quantity), _price(x), str(x.revision)) for x in placed.lines]
    title = f"Order {placed.order_id}" if placed.order_id else "Valid. Nothing was placed."
    return Report(document, [Line(title), Table(LINE_COLUMNS, rows, "No lines."), Facts(facts)])


def order_document(placed: Order) -> dict[str, object]:
    """One order for machines; `order_id` is null where nothing was placed."""
    return {
        "order_id": placed.order_id or None,
        "request_id": placed.request_id,
        "create_time": moment(placed.create_time.seconds) if placed.order_id else None,
        "strategy": placed.strategy,
        "lines": [
            {
                "product_id": line.product_id,
                "quantity": line.quantity,
                "unit_price_micros": _optional_price(line),
                "revision": line.revision,
            }
            for line in placed.lines
        ],
    }


def orders(placed: Sequence[Order], next_page_token: str) -> Report:
    """The caller's orders, newest first."""
    document = {
        "orders": [order_document(each) for each in placed],
        "next_page_token": next_page_token,
    }
    more = [Line("There are more: add --all.")] if next_page_token else []
    table = Table(ORDER_COLUMNS, [_order_row(each) for each in placed], "You have no orders.")
    return Report(document, [table, *more])


def changed(verb: str, subject: str, product_ids: Collection[str], revision: int) -> Report:
    """What `grant` and `revoke` have done; `verb` says which."""
    document = {"subject": subject, "product_ids": [*product_ids], "revision": revision}
    done = f"{verb} {subject}: {count(len(product_ids), 'product')}, at revision {revision}."
    demand = f"To demand it from the next order: --min-revision {revision}"
    return Report(document, [Line(done), Line(demand)])


def _product_row(item: Product) -> tuple[str, ...]:
    price = money(item.unit_price_micros, item.currency_code)
    return (item.product_id, item.display_name, price, most(item.max_quantity))


def _order_row(placed: Order) -> tuple[str, ...]:
    return (
        placed.order_id,
        moment(placed.create_time.seconds),
        str(sum(line.quantity for line in placed.lines)),
        placed.strategy,
    )


def _price(line: PlacedLine) -> str:
    price = _optional_price(line)
    return "not quoted" if price is None else money(price)


def _optional_price(line: PlacedLine) -> int | None:
    return line.unit_price_micros if line.HasField("unit_price_micros") else None
