"""A connection to NATS that ends badly says so where it is used, and nothing at its end."""

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest

from loadtest.nats import NatsServer
from waybill.jetstream import connected

pytestmark = pytest.mark.engines


async def test_the_server_is_gone_under_what_is_still_to_be_sent(tmp_path: Path) -> None:
    with NatsServer(tmp_path) as nats:
        async with connected(nats.url, "test") as client:
            os.kill(nats.pid, signal.SIGKILL)
            psutil.Process(nats.pid).wait()
            await client.publish("some", b"first")
            await asyncio.sleep(0)  # it is written, and nobody is there
            await client.publish("some", b"second")
