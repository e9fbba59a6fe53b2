"""Blocking work that its process does not wait for."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


async def left_behind(work: Callable[[], Result]) -> Result:
    """Run `work` in a thread of its own, and leave it behind where the caller is cancelled.

    For what blocks, cannot be interrupted and may take long, such as looking up a name while the
    name servers are away. With `asyncio.to_thread` the end of `asyncio.run` waits for it, and then
    a service outlives the time that it is given to stop. What `work` changes must not matter to
    anybody once nobody waits.

    Raises:
        Exception: what `work` raises.
    """
    future = Future[Result]()
    future.set_running_or_notify_cancel()  # from here on a cancellation is the caller's alone
    threading.Thread(target=_finish, args=(future, work), daemon=True).start()
    try:
        return await asyncio.wrap_future(future)
    finally:
        del future  # it holds the exception, whose traceback holds this frame


def _finish(future: Future[Result], work: Callable[[], Result]) -> None:
    try:
        future.set_result(work())
    except Exception as error:  # noqa: BLE001 -- goes to whoever waits
        future.set_exception(error)
        del future  # as above
