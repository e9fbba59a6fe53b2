"""A cancellation is not lost."""

import asyncio

import pytest

from waybill.cancelling import heeding_cancellation


async def swallows(started: asyncio.Event) -> None:
    """As a library may."""
    started.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return


async def test_a_swallowed_cancellation_comes_out_after_all() -> None:
    started = asyncio.Event()

    async def work() -> None:
        with heeding_cancellation():
            await swallows(started)

    task = asyncio.create_task(work())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_was_cancelled_before_may_clean_up() -> None:
    cleaned: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            with heeding_cancellation():
                await asyncio.sleep(0)
            cleaned.append("up")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == ["up"]


async def test_a_timeout_inside_is_no_cancellation() -> None:
    with pytest.raises(TimeoutError), heeding_cancellation():
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
