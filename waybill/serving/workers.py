"""Several processes on one port: the kernel spreads connections over them (SO_REUSEPORT)."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from waybill.serving.server import CannotListen, cannot_listen
from waybill.serving.settings import EXIT_SETTINGS, ServingSettings, variables

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
STEADY_S = 10.0
"""A worker that lived this long had started well, so that its end says nothing of the next one."""
ATTEMPTS = 5
"""To find a free port that stays free, where any will do."""
KILL_AFTER_DRAIN_S = 5.0
"""How long past its drain a worker may take to end before it is killed."""


def run_workers(
    command: Sequence[str],
    count: int,
    *,
    settings: ServingSettings,
    environ: Mapping[str, str],
) -> int:
    """Run `count` processes of `command` on one port until SIGTERM or SIGINT, then end them all.

    A worker gets `environ` with the port, the count and its number from 1 in the service's
    variables, so `command` must not set these by flags; what other flags say can be put there with
    `settings.variables`. Each prints its own ready line. One that ends is started again after a
    pause that doubles from FIRST_PAUSE_S to LONGEST_PAUSE_S, unless its settings ended it.

    Returns:
        The exit code for the parent: 0 after a signal, EXIT_SETTINGS where settings are wrong.

    Raises:
        CannotListen: the port is taken.
    """
    with _reserved(settings) as port:
        given = {"port": port, "workers": count, "parent_pid": os.getpid()}
        environs = [
            {**environ, **variables(type(settings), {**given, "worker": index + 1})}
            for index in range(count)
        ]
        crew = _Crew(command, environs, settings.drain_s + KILL_AFTER_DRAIN_S)
        return asyncio.run(crew.run())


class _Crew:
    def __init__(
        self, command: Sequence[str], environs: Sequence[Mapping[str, str]], patience_s: float
    ) -> None:
        self._command = command
        self._environs = environs
        self._patience_s = patience_s
        self._stop = asyncio.Event()
        self._exit_code = 0

    async def run(self) -> int:
        """Keep all workers alive until told to stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        await asyncio.gather(*(self._keep(environ) for environ in self._environs))
        return self._exit_code

    async def _keep(self, environ: Mapping[str, str]) -> None:
        now = asyncio.get_running_loop().time
        pause_s = FIRST_PAUSE_S
        while not self._stop.is_set():
            started = now()
            code = await self._live(environ)
            if self._stop.is_set():
                return
            if code == EXIT_SETTINGS:
                self._exit_code = code
                self._stop.set()
                return
            pause_s = FIRST_PAUSE_S if now() - started > STEADY_S else pause_s
            _say(f"a worker ended with {code}; starting another in {pause_s:g} s")
            await self._stopped_within(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _live(self, environ: Mapping[str, str]) -> int:
        """One life of a worker; its exit code, negative for a signal."""
        process = await asyncio.create_subprocess_exec(*self._command, env=environ)
        ended = asyncio.ensure_future(process.wait())
        stopped = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not ended.done():
            await self._end(process, ended)
        return await ended

    async def _end(self, process: asyncio.subprocess.Process, ended: asyncio.Future[int]) -> None:
        with suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait({ended}, timeout=self._patience_s)
        if not ended.done():
            _say(f"worker {process.pid} does not end; killing it")
            with suppress(ProcessLookupError):
                process.kill()

    async def _stopped_within(self, pause_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._stop.wait()


@contextmanager
def _reserved(settings: ServingSettings) -> Iterator[int]:
    """Hold the port, so that it stays ours between the lives of workers. It accepts nothing."""
    for attempts_left in reversed(range(ATTEMPTS if settings.port == 0 else 1)):
        try:
            held = _shared(settings)
            break
        except CannotListen:
            if not attempts_left:
                raise
    with held:
        yield held.getsockname()[1]


def _shared(settings: ServingSettings) -> socket.socket:
    """A socket on the port, which others of ours may share.

    The port is taken alone first, because sharing it with another service's workers would succeed.
    Between the two somebody else may take it.
    """
    with _bound(settings, settings.port, socket.SO_REUSEADDR) as alone:
        port: int = alone.getsockname()[1]
    return _bound(settings, port, socket.SO_REUSEPORT)


def _bound(settings: ServingSettings, port: int, option: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        held.bind((settings.host, port))
    except OSError:
        held.close()
        raise cannot_listen(settings) from None
    return held


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 -- a parent has no service's logger
