"""What the lab's shop sells, and to whom."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from products_svc.catalogue.files import write_grants, write_products
from products_svc.catalogue.generate import CatalogueSpec, generate_products
from products_svc.catalogue.ids import IdKind
from products_svc.store.values import Product, WantedGrant

DEMO_SUBJECTS = {"alice": 25, "bob": 3}


@dataclass(frozen=True, slots=True)
class Stock:
    """A generated catalogue, and how many of its products each subject may order."""

    grants: Mapping[str, int] = field(default_factory=lambda: dict(DEMO_SUBJECTS))
    products: int = 100
    id_kind: IdKind = IdKind.SKU
    seed: int = 1

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write the files that `python -m products_svc import` takes: products and grants."""
        spec = CatalogueSpec(0, 0, self.products, self.id_kind, self.seed)
        products = list(generate_products(spec))
        products_file, grants_file = folder / "products.jsonl", folder / "grants.csv"
        with products_file.open("w", encoding="utf-8") as file:
            write_products(file, products)
        with grants_file.open("w", encoding="utf-8", newline="") as file:
            write_grants(file, self._grants(products))
        return products_file, grants_file

    def _grants(self, products: list[Product]) -> Iterator[WantedGrant]:
        for subject, count in self.grants.items():
            random = Random(f"stock {self.seed} {subject}")  # noqa: S311 - made-up data
            for product in random.sample(products, count):
                yield WantedGrant(
                    subject=subject,
                    product_id=product.product_id,
                    max_quantity=0,
                    unit_price_micros=None,
                )
