"""Made-up catalogues of any size, the same one for the same parameters."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from products_svc.catalogue.ids import IdKind, product_ids
from products_svc.store.values import Product, WantedGrant

MAX_PRODUCTS = 1_000_000

_ADJECTIVES = ("Brass", "Folding", "Quiet", "Tall", "Round", "Woven", "Spare", "Light")
_NOUNS = ("Kettle", "Lamp", "Stool", "Ladder", "Basket", "Radio", "Tent", "Clock")


class BadSpec(ValueError):
    """A catalogue cannot be made like that; the text says why."""


@dataclass(frozen=True, slots=True)
class CatalogueSpec:
    """How much of what. Each subject is granted `grants_per_subject` of the products."""

    subjects: int
    grants_per_subject: int
    products: int
    id_kind: IdKind = IdKind.SKU
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.products <= MAX_PRODUCTS:
            raise BadSpec(f"products must be from 0 to {MAX_PRODUCTS:,}")
        if self.subjects < 0:
            raise BadSpec("subjects must not be below 0")
        if not 0 <= self.grants_per_subject <= self.products:
            raise BadSpec("grants per subject must be from 0 to the number of products")


def generate_products(spec: CatalogueSpec) -> Iterator[Product]:
    """The products, in the order in which they were made."""
    random = Random(f"products {spec.seed}")  # noqa: S311 -- made-up data, no secret
    for product_id in product_ids(spec.id_kind, spec.products, random):
        name = f"{random.choice(_ADJECTIVES)} {random.choice(_NOUNS)}"
        yield Product(product_id, name, random.randrange(50, 50_000) * 10_000)


def generate_grants(spec: CatalogueSpec) -> Iterator[WantedGrant]:
    """The grants: every subject's own choice of products, some of them with a maximum or a quote.

    A maximum is never below 10. Subjects are `user-000001` and so on.
    """
    random = Random(f"grants {spec.seed}")  # noqa: S311 -- made-up data, no secret
    products = list(generate_products(spec))
    for number in range(1, spec.subjects + 1):
        for product in random.sample(products, spec.grants_per_subject):
            quote = product.unit_price_micros * random.choice((90, 95)) // 100
            yield WantedGrant(
                subject=f"user-{number:06d}",
                product_id=product.product_id,
                max_quantity=random.choice((0, 0, 10, 100)),
                unit_price_micros=random.choice((None, None, quote)),
            )
