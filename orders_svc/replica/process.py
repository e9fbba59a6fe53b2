"""The follower as a process of its own: `python -m orders_svc follow`.

The parent of several workers starts one with `follower_process` when the settings say so.
"""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from orders_svc.feed.follower import Follower
from orders_svc.feed.opening import open_feed
from orders_svc.feed.pace import Pace
from orders_svc.products_client import connect
from orders_svc.replica.opening import open_writer
from orders_svc.replica.sink import ReplicaSink
from orders_svc.replica.store import ReplicaLocked, ReplicaUnusable
from orders_svc.settings import Settings
from waybill.extras import ExtraMissing
from waybill.otel import telemetry
from waybill.providers import Providers
from waybill.serving.logs import make_logger
from waybill.serving.settings import EXIT_SETTINGS, variable
from waybill.serving.side_port import served_pages

COMMAND = (sys.executable, "-m", "orders_svc", "follow")
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
PARENT_POLL_S = 1.0
END_WITHIN_S = 5.0
"""How long the follower may take to end before it is killed."""


def main(settings: Settings) -> int:
    """Follow until SIGTERM or SIGINT; the exit code.

    With a worker's number in the settings it has been started by `follower_process`, and ends when
    that parent is gone.
    """
    scraped = settings.http_port is not None
    try:
        with (
            telemetry(os.environ, service="orders-follower", scraped=scraped) as observed,
            served_pages(settings, {"/metrics": observed.metrics_page}, place=settings.workers),
        ):
            asyncio.run(_follow(settings, observed.providers))
    except (ReplicaLocked, ReplicaUnusable, ExtraMissing) as error:
        print(error, file=sys.stderr)  # noqa: T201 -- for a person
        return 1
    return 0


@contextmanager
def follower_process(environ: Mapping[str, str]) -> Iterator[None]:
    """A follower beside this process while the `with` lasts, started again when it ends.

    Args:
        environ: its whole environment; this process's settings by variables.
    """
    keeper = _Keeper({**environ, variable(Settings, "worker"): "1"})
    keeper.start()
    try:
        yield
    finally:
        keeper.stop()


class _Keeper(threading.Thread):
    """Keeps one follower process alive; a thread, so that it needs nothing of the caller's loop."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(name="follower-keeper", daemon=True)
        self._environ = environ
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while (process := self._launched()) is not None:
            started_at = time.monotonic()
            if process.wait() == EXIT_SETTINGS:
                return
            if time.monotonic() - started_at > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            self._stopping.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def stop(self) -> None:
        """End the process and the thread."""
        with self._lock:
            self._stopping.set()
        if self._process is not None:
            self._process.terminate()
        self.join(END_WITHIN_S)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self.join()

    def _launched(self) -> subprocess.Popen[bytes] | None:
        """A new process; None once all is to end. Under the lock, so that `stop` misses none."""
        with self._lock:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(COMMAND, env=self._environ)  # noqa: S603 -- ourselves
            return self._process


async def _follow(settings: Settings, providers: Providers | None) -> None:
    client = connect(settings, providers)
    feed = open_feed(settings, client)
    writer = open_writer(settings)
    log = make_logger(settings.log_level, service="orders-follower")
    pace = Pace.within(settings.replica_lag_bound_s)
    follower = Follower(feed, ReplicaSink(writer), name="replica", log=log, pace=pace)
    following = asyncio.create_task(follower.run())
    stopping = asyncio.create_task(_told_to_stop(with_parent=settings.worker > 0))
    try:
        await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        following.cancel()
        stopping.cancel()
        await asyncio.wait({following, stopping})
        await writer.close()
        await client.close()


async def _told_to_stop(*, with_parent: bool) -> None:
    """Returns on SIGTERM or SIGINT, or when the parent has gone without a word."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    parent = os.getppid()
    while not told.is_set():
        if with_parent and os.getppid() != parent:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(PARENT_POLL_S):
                await told.wait()
