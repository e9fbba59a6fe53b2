"""`python -m products_svc`: serve the catalogue and the entitlements, fill them, rotate keys."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

from products_svc import commands
from products_svc.bootstrap import build, open_database, public_keys_page
from products_svc.catalogue.generate import BadSpec
from products_svc.catalogue.ids import IdKind
from products_svc.catalogue.rows import ImportProblem
from products_svc.progress import Progress
from products_svc.settings import Settings
from products_svc.signing_keys import UnusableKeys
from products_svc.store.schema import UnfitDatabase
from waybill.errors import StorageUnavailable
from waybill.extras import ExtraMissing
from waybill.otel import telemetry
from waybill.serving import jwks_page
from waybill.serving.paths import make_state_home, state_home
from waybill.serving.server import announce, serve
from waybill.serving.settings import load, variables
from waybill.serving.side_port import served_pages
from waybill.serving.workers import run_workers

Command = Callable[[Settings, argparse.Namespace], int]
Brief = Callable[[Settings, argparse.Namespace, Progress], str]
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_PROBLEMS = (
    BadSpec,
    ExtraMissing,
    ImportProblem,
    UnfitDatabase,
    UnusableKeys,
    StorageUnavailable,
    OSError,
)
"""What its text alone explains."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` name; the exit code."""
    options = _parser().parse_args(arguments)
    environ = {**development_defaults(os.environ), **os.environ}
    overrides = {"port": options.port, "workers": options.workers}
    settings = load(Settings, environ, overrides)
    run: Command = options.run
    try:
        make_state_home(os.environ)
        return run(settings, options)
    except _PROBLEMS as problem:
        print(problem, file=sys.stderr)
        return 1


def development_defaults(environ: Mapping[str, str]) -> dict[str, str]:
    """Where files live when no variable says otherwise."""
    home = state_home(environ)
    return {
        "PRODUCTS_USER_KEYS": str(home / "users-jwks.json"),
        "PRODUCTS_SIGNING_KEYS": str(home / "products-signing-keys.json"),
        "PRODUCTS_PUBLIC_KEYS": str(home / "products-jwks.json"),
        "PRODUCTS_DATABASE_URL": f"sqlite:///{home / 'products.db'}",
    }


def _serve(settings: Settings, _options: argparse.Namespace) -> int:
    if settings.workers > 1 and settings.worker == 0:
        open_database(settings, time.time).close()  # once, rather than by all workers at once
        # A worker that is started again later finds what was set up, or says that it is gone.
        created = variables(Settings, {"database_create": False})
        environ = {**development_defaults(os.environ), **os.environ, **created}
        command = [sys.executable, "-m", "products_svc", "serve"]
        return run_workers(command, settings.workers, settings=settings, environ=environ)
    return asyncio.run(_serve_here(settings))


async def _serve_here(settings: Settings) -> int:
    scraped = settings.http_port is not None
    with telemetry(os.environ, service="products", scraped=scraped) as observed:
        products = build(settings, providers=observed.providers)
        try:
            pages = {"/metrics": observed.metrics_page, jwks_page.PATH: public_keys_page(settings)}
            with served_pages(settings, pages) as http_port:
                ready = partial(announce, http_port=http_port)
                await serve(
                    settings,
                    products.services,
                    products.service_names,
                    products.checks,
                    needs=products.needs,
                    ready=ready,
                )
        finally:
            await products.close()
    return 0


def _briefly(command: Brief) -> Command:
    """A command that does one thing, says so, and ends."""

    def run(settings: Settings, options: argparse.Namespace) -> int:
        progress = Progress(sys.stderr)
        try:
            text = command(settings, options, progress)
        finally:
            progress.end()
        print(text)
        return 0

    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m products_svc", description="Settings come from PRODUCTS_* variables."
    )
    parser.set_defaults(run=_serve, port=None, workers=None)
    parser.add_argument("--port", type=int, help="0 takes a free one")
    parser.add_argument("--workers", type=int, help="processes that share the port")
    subparsers = parser.add_subparsers(metavar="command")
    _add_serve(subparsers)
    _add_import(subparsers)
    _add_generate(subparsers)
    _add_rotate_keys(subparsers)
    _add_new_epoch(subparsers)
    return parser


def _add_serve(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("serve", help="serve (the default)")
    parser.set_defaults(run=_serve)
    parser.add_argument("--port", type=int, default=argparse.SUPPRESS, help="0 takes a free one")
    parser.add_argument(
        "--workers", type=int, default=argparse.SUPPRESS, help="processes that share the port"
    )


def _add_import(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "import", help="take files into the database, once all lines are right"
    )
    parser.set_defaults(run=_briefly(commands.import_files))
    parser.add_argument(
        "--products", type=Path, help="JSON lines of product_id, display_name, unit_price_micros"
    )
    parser.add_argument(
        "--grants", type=Path, help="CSV of subject,product_id[,max_quantity[,unit_price_micros]]"
    )


def _add_generate(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "generate", help="make up a catalogue, the same one for the same parameters"
    )
    parser.set_defaults(run=_briefly(commands.generate))
    parser.add_argument("--subjects", type=int, required=True)
    parser.add_argument("--grants-per-subject", type=int, required=True)
    parser.add_argument("--products", type=int, required=True)
    parser.add_argument("--id-kind", type=IdKind, choices=list(IdKind), default=IdKind.SKU)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--products-out", type=Path, help="JSON lines; without any, the database")
    parser.add_argument("--grants-out", type=Path, help="CSV; without any, the database")


def _add_rotate_keys(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "rotate-keys", help="sign with a new key and keep the previous one trusted"
    )
    parser.set_defaults(run=_briefly(commands.rotate_keys))


def _add_new_epoch(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "new-epoch", help="after restoring a backup: make every follower take a snapshot"
    )
    parser.set_defaults(run=_briefly(commands.new_epoch))


if __name__ == "__main__":
    raise SystemExit(main())
