"""What is carried now, as a report."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from client.carriers.base import KeptPage
from client.peek import Content, Peek, peek
from client.report import Block, Column, Line, Report, Table
from client.words import budget_use, count, expiry, moment, size
from waybill.budget import Budget
from waybill.header_caps import Measure
from waybill.metadata import size_bytes
from waybill.strategy import Strategy
from waybill.values import CarriedState

COLUMNS = (
    Column("page", right=True),
    Column("version"),
    Column("ids", right=True),
    Column("from"),
    Column("to"),
    Column("revision", right=True),
    Column("bytes", right=True),
    Column("expires"),
)
UNREADABLE = "?"


@dataclass(frozen=True, slots=True)
class Carrying:
    """What one strategy carries: of all kept pages, or for one order.

    `pages` has what each page contributes, and `total` all of it as one call would carry it.
    """

    strategy: Strategy
    pages: Sequence[KeptPage]
    total: CarriedState
    budget: Budget
    uncovered: Sequence[str] = ()


def state(carryings: Sequence[Carrying], subject: str, now: float) -> Report:
    """What is carried under each of some strategies."""
    document = {
        "subject": subject,
        "verified": False,
        "strategies": [_document(each, now) for each in carryings],
    }
    note = Line("Decoded without verifying anything: only the service's check counts.")
    blocks = [block for each in carryings for block in _blocks(each, now)]
    return Report(document, [*blocks, note])


def _document(carrying: Carrying, now: float) -> dict[str, object]:
    return {
        "strategy": carrying.strategy.value,
        "bytes": carrying.total.size_bytes,
        "metadata_bytes": size_bytes(carrying.total.metadata),
        **_budget_document(carrying),
        "uncovered_product_ids": list(carrying.uncovered),
        "pages": [
            {
                "revision": page.revision,
                "product_ids": sorted(page.product_ids),
                "states": [_peek_document(look, now) for look in peek(page.carried)],
            }
            for page in carrying.pages
        ],
    }


def _budget_document(carrying: Carrying) -> dict[str, object]:
    """The limit that is met first; of a budget without one, 0 bytes and no hop."""
    use = carrying.budget.tightest(carrying.total.metadata)
    cap = use.cap if use else carrying.budget.narrowest
    if cap is None:
        return {"metadata_budget_bytes": 0, "narrowest_hop": None}
    return {
        "metadata_budget_bytes": 0 if cap.measure is Measure.ENTRIES else cap.limit,
        "narrowest_hop": cap.hop or None,
        "budget_use": use and use.facts,
    }


def _peek_document(look: Peek, now: float) -> dict[str, object]:
    content = look.content
    return {
        "travels_as": look.travels_as,
        "version": look.version,
        "bytes": look.size_bytes,
        "claims": content and _claims(content, now),
    }


def _claims(content: Content, now: float) -> dict[str, object]:
    return {
        "issuer": content.issuer,
        "audience": content.audience,
        "subject": content.subject,
        "revision": content.revision,
        "issue_time": moment(content.issue_time),
        "expire_time": moment(content.expire_time),
        "expired": content.expire_time <= now,
        "product_ids": list(content.product_ids),
    }


def _blocks(carrying: Carrying, now: float) -> Iterable[Block]:
    yield Line(f"{carrying.strategy}: {_summary(carrying)}")
    if carrying.pages:
        looks = [
            _row(number, look, now)
            for number, page in enumerate(carrying.pages, start=1)
            for look in peek(page.carried)
        ]
        yield Table(COLUMNS, looks, empty="The pages came without state.")
    if carrying.uncovered:
        yield Line(f"On no kept page: {', '.join(carrying.uncovered)}")


def _summary(carrying: Carrying) -> str:
    if not carrying.pages:
        return "nothing is carried"
    return f"{count(len(carrying.pages), 'page')}, {_weight(carrying)}"


def _weight(carrying: Carrying) -> str:
    total = carrying.total
    if not total.metadata:
        return f"{size(total.size_bytes)} in the message"
    use = carrying.budget.tightest(total.metadata)
    return budget_use(use) if use else f"{size(size_bytes(total.metadata))} of metadata"


def _row(number: int, look: Peek, now: float) -> Sequence[str]:
    content = look.content
    if content is None:
        return (str(number), look.version, *[UNREADABLE] * 4, f"{look.size_bytes:,}", UNREADABLE)
    ids = content.product_ids
    return (
        str(number),
        look.version,
        str(len(ids)),
        min(ids, default=""),
        max(ids, default=""),
        str(content.revision),
        f"{look.size_bytes:,}",
        expiry(content.expire_time, now),
    )
