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
    """How many there are of each kind of ids, at least; as many as somebody is granted."""
    id_kind: IdKind = IdKind.SKU
    id_kinds: Mapping[str, IdKind] = field(default_factory=dict)
    """By subject, where its products have ids of another kind."""
    seed: int = 1

    def catalogue(self) -> list[Product]:
        """Everything there is."""
        return [product for kind in self._kinds() for product in self._of_kind(kind)]

    def granted(self, subject: str) -> list[str]:
        """The ids of what `subject` may order, in order."""
        choice = self._choice(subject, self._of_kind(self._kind(subject)))
        return sorted(product.product_id for product in choice)

    def _kind(self, subject: str) -> IdKind:
        return self.id_kinds.get(subject, self.id_kind)

    def _kinds(self) -> list[IdKind]:
        return list(dict.fromkeys((self.id_kind, *self.id_kinds.values())))

    def _of_kind(self, kind: IdKind) -> list[Product]:
        granted = (many for name, many in self.grants.items() if self._kind(name) is kind)
        most = max(granted, default=0)
        spec = CatalogueSpec(0, 0, max(self.products, most), kind, self.seed)
        return list(generate_products(spec))

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write the files that `python -m products_svc import` takes: products and grants."""
        products_file, grants_file = folder / "products.jsonl", folder / "grants.csv"
        with products_file.open("w", encoding="utf-8") as file:
            write_products(file, self.catalogue())
        with grants_file.open("w", encoding="utf-8", newline="") as file:
            write_grants(file, self._wanted())
        return products_file, grants_file

    def _wanted(self) -> Iterator[WantedGrant]:
        catalogues = {kind: self._of_kind(kind) for kind in self._kinds()}
        for subject in self.grants:
            for product in self._choice(subject, catalogues[self._kind(subject)]):
                yield WantedGrant(
                    subject=subject,
                    product_id=product.product_id,
                    max_quantity=0,
                    unit_price_micros=None,
                )

    def _choice(self, subject: str, catalogue: list[Product]) -> list[Product]:
        """A subject's own choice, the same one each time."""
        random = Random(f"stock {self.seed} {subject}")  # noqa: S311 - made-up data
        return random.sample(catalogue, self.grants.get(subject, 0))
