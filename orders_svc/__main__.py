"""`python -m orders_svc`: serve orders, or keep the replica up to date."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial

from orders_svc.bootstrap import build, open_ledger
from orders_svc.replica import process as follower
from orders_svc.replica.store import ReplicaLocked, ReplicaUnusable
from orders_svc.settings import Settings
from waybill.errors import StorageUnavailable
from waybill.extras import ExtraMissing
from waybill.otel import telemetry
from waybill.serving.paths import make_state_home, state_home
from waybill.serving.server import announce, serve
from waybill.serving.settings import load, variables
from waybill.serving.side_port import served_pages
from waybill.serving.workers import run_workers
from waybill.strategy import Strategy

_PROBLEMS = (StorageUnavailable, ReplicaLocked, ReplicaUnusable, ExtraMissing, OSError)
"""What its text alone explains."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` name; the exit code."""
    options = _parser().parse_args(arguments)
    overrides = {"port": options.port, "workers": options.workers}
    environ = {**development_defaults(os.environ), **os.environ}
    settings = load(Settings, environ, overrides)
    if "ORDERS_DATABASE_URL" not in os.environ:
        try:
            make_state_home(os.environ)
        except OSError as problem:
            print(problem, file=sys.stderr)
            return 1
    if options.command == "follow":
        return follower.main(settings)
    return _serve(settings, environ)


def development_defaults(environ: Mapping[str, str]) -> dict[str, str]:
    """Where files live when no variable says otherwise."""
    home = state_home(environ)
    return {
        "ORDERS_USER_KEYS": str(home / "users-jwks.json"),
        "ORDERS_STATE_KEYS": str(home / "products-jwks.json"),
        "ORDERS_DATABASE_URL": f"sqlite:///{home / 'orders.db'}",
        "ORDERS_SERVICE_TOKEN_FILE": str(home / "orders-service-token"),
        "ORDERS_REPLICA_PATH": str(home / "replica"),
    }


def _serve(settings: Settings, environ: Mapping[str, str]) -> int:
    """Serve, by workers where there are several, with a follower beside where one is wanted."""
    if settings.worker:
        return asyncio.run(_serve_here(settings))
    if settings.workers > 1:
        try:
            environ = _with_database(settings, environ)
        except _PROBLEMS as problem:
            print(problem, file=sys.stderr)
            return 1
    wanted = settings.follower == "process" and Strategy.REPLICA in settings.strategies
    with follower.follower_process(environ) if wanted else nullcontext():
        if settings.workers == 1:
            return asyncio.run(_serve_here(settings))
        command = [sys.executable, "-m", "orders_svc", "serve"]
        return run_workers(command, settings.workers, settings=settings, environ=environ)


def _with_database(settings: Settings, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Sets the database up once for all workers; their environment.

    A worker that is started again later finds what was set up, or says that it is gone.
    """
    open_ledger(settings, time.time).close()
    return {**environ, **variables(Settings, {"database_create": False})}


async def _serve_here(settings: Settings) -> int:
    scraped = settings.http_port is not None
    with telemetry(os.environ, service="orders", scraped=scraped) as observed:
        try:
            orders = build(settings, providers=observed.providers)
        except _PROBLEMS as problem:
            print(problem, file=sys.stderr)
            return 1
        try:
            with served_pages(settings, {"/metrics": observed.metrics_page}) as http_port:
                ready = partial(announce, http_port=http_port)
                await serve(
                    settings,
                    orders.services,
                    orders.service_names,
                    orders.checks,
                    needs=orders.needs,
                    ready=ready,
                )
        finally:
            await orders.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m orders_svc", description="Settings come from ORDERS_* variables."
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=["serve", "follow"],
        default="serve",
        help="take orders (the default), or only keep the replica up to date",
    )
    parser.add_argument("--port", type=int, help="0 takes a free one")
    parser.add_argument("--workers", type=int, help="processes that share the port")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
