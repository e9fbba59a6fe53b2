"""Where the keys come from that carried state is signed with."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import NoReturn

from structlog.typing import FilteringBoundLogger

from orders_svc.settings import Settings
from waybill.keys import KeySource
from waybill.serving.assembly import keys_from, keys_over_http


def state_keys(
    settings: Settings,
    clock: Callable[[], float],
    log: FilteringBoundLogger,
    closers: AsyncExitStack,
) -> KeySource:
    """The keys of the file, or of the URL, which is asked until `closers` end it."""
    if isinstance(settings.state_keys, Path):
        return keys_from(settings.state_keys, clock, log)
    keys = keys_over_http(settings.state_keys, log, refresh_s=settings.state_keys_refresh_s)
    closers.push_async_callback(cancelled, asyncio.create_task(keys.run()))
    return keys


async def cancelled(task: "asyncio.Task[NoReturn]") -> None:
    """End a task that would go on for ever."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
