"""Which kept pages an order must show."""

from collections.abc import Collection, Sequence

from client.carriers.base import KeptPage
from waybill.values import CarriedState


def covering(pages: Sequence[KeptPage], product_ids: Collection[str]) -> list[KeptPage]:
    """The newest page of each product, each page once, newest first.

    `pages` is in the order in which they were kept. Newest means the highest revision, and among
    equal revisions the one kept last, since that expires last. Freshness comes before count: an
    older page might hold several products at once, and would be refused under `min_revision`,
    expire sooner and quote an older price. Pages of one listing never overlap, so there the choice
    is also the fewest. A product that no page holds is left out, for the service to decide.
    """
    wanted = frozenset(product_ids)
    oldest_first = sorted(pages, key=lambda page: page.revision)
    newest = {
        product_id: index
        for index, page in enumerate(oldest_first)
        for product_id in wanted & page.product_ids
    }
    return [oldest_first[index] for index in sorted(set(newest.values()), reverse=True)]


def combined(pages: Sequence[KeptPage], product_ids: Collection[str]) -> CarriedState:
    """The state of the pages that cover `product_ids`, as one."""
    return sum((page.carried for page in covering(pages, product_ids)), start=CarriedState())
