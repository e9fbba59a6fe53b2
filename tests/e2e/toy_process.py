"""The toy as a process: `python -m tests.e2e.toy_process`, set up by TOY_ variables."""

import asyncio
import os
import sys
from pathlib import Path

from pydantic_settings import SettingsConfigDict

from shop.orders.v1 import orders_pb2
from tests.toy import ORDERS, PRODUCTS, services
from waybill.serving.call import Call
from waybill.serving.server import announce, serve
from waybill.serving.settings import ServingSettings, load
from waybill.serving.workers import run_workers


class ToySettings(ServingSettings):
    model_config = SettingsConfigDict(env_prefix="TOY_")

    go_on_file: Path | None = None
    """PlaceOrder waits until this exists."""


def main() -> None:
    settings = load(ToySettings, os.environ)
    if settings.workers > 1 and not settings.worker:
        command = [sys.executable, "-m", "tests.e2e.toy_process"]
        count = settings.workers
        sys.exit(run_workers(command, count, settings=settings, environ=os.environ))
    asyncio.run(_serve(settings))


async def _serve(settings: ToySettings) -> None:
    async def place(
        request: orders_pb2.PlaceOrderRequest, call: Call
    ) -> orders_pb2.PlaceOrderResponse:
        print("entered", request.request_id, flush=True)  # noqa: T201 -- the test reads it
        while settings.go_on_file and not settings.go_on_file.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return orders_pb2.PlaceOrderResponse()

    names = [ORDERS.full_name, PRODUCTS.full_name]
    await serve(settings, services(place), names, {}, ready=announce)


if __name__ == "__main__":
    main()
