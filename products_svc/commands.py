"""What `python -m products_svc` can do besides serving."""

import time
from argparse import Namespace
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from products_svc.bootstrap import field_rules, open_database
from products_svc.catalogue import files
from products_svc.catalogue.generate import CatalogueSpec, generate_grants, generate_products
from products_svc.catalogue.load import Loaded, Progress, load
from products_svc.catalogue.rows import ImportProblem, Located
from products_svc.settings import Settings
from products_svc.signing_keys import rotate
from products_svc.store.schema import renew_history
from products_svc.store.values import Product, WantedGrant
from products_svc.store.writer import Writer

Row = TypeVar("Row")


def import_files(settings: Settings, options: Namespace, progress: Progress) -> str:
    """Take files into the database."""
    if options.products is None and options.grants is None:
        raise ImportProblem("import", "nothing to do; name --products, --grants, or both")
    rules = field_rules()
    products = files.read_products(options.products, rules) if options.products else ()
    grants = files.read_grants(options.grants, rules) if options.grants else ()
    return _loaded_text(_load(settings, products, grants, progress))


def generate(settings: Settings, options: Namespace, progress: Progress) -> str:
    """Make up a catalogue, into files where they are named and otherwise into the database."""
    spec = CatalogueSpec(
        subjects=options.subjects,
        grants_per_subject=options.grants_per_subject,
        products=options.products,
        id_kind=options.id_kind,
        seed=options.seed,
    )
    if options.products_out is None and options.grants_out is None:
        products, grants = _made_up(generate_products(spec)), _made_up(generate_grants(spec))
        return _loaded_text(_load(settings, products, grants, progress))
    return ", ".join(_written(spec, options.products_out, options.grants_out))


def rotate_keys(settings: Settings, _options: Namespace, _progress: Progress) -> str:
    """Put a new signing key first. Running services and readers take it up by themselves."""
    new, *older = rotate(settings.signing_keys, settings.public_keys, settings.signing_algorithm)
    trusted = ", ".join(f"{key.key_id} ({key.algorithm})" for key in older)
    return f"{new.key_id} ({new.algorithm}) signs within seconds; still trusted: {trusted}"


def new_epoch(settings: Settings, _options: Namespace, _progress: Progress) -> str:
    """Start the history anew after the database was restored from a backup."""
    database = open_database(settings, time.time)
    try:
        return f"epoch {renew_history(database, time.time)} begins; followers take a snapshot"
    finally:
        database.close()


def _written(spec: CatalogueSpec, products: Path | None, grants: Path | None) -> Iterator[str]:
    """Writes the files, and tells what was written."""
    if products is not None:
        with products.open("w", encoding="utf-8") as file:
            files.write_products(file, generate_products(spec))
        yield f"wrote {products}"
    if grants is not None:
        with grants.open("w", encoding="utf-8", newline="") as file:
            files.write_grants(file, generate_grants(spec))
        yield f"wrote {grants}"


def _load(
    settings: Settings,
    products: Iterable[Located[Product]],
    grants: Iterable[Located[WantedGrant]],
    progress: Progress,
) -> Loaded:
    database = open_database(settings, time.time, create=True)
    new_writer = partial(Writer, clock=time.time, history_changes=settings.history_changes)
    try:
        return load(database, new_writer, products, grants, progress)
    finally:
        database.close()


def _made_up(rows: Iterable[Row]) -> Iterator[Located[Row]]:
    return (Located("generated", row) for row in rows)


def _loaded_text(loaded: Loaded) -> str:
    return (
        f"{loaded.products:,} products and {loaded.grants:,} grants read, "
        f"{loaded.changes:,} grants changed; revision {loaded.revision}"
    )
