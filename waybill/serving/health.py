"""The standard health service (grpc.health.v1), tied to the truth.

The servicer is our own because that of grpcio-health-checking lets one slow watcher hold up every
change, and its watches outlast a drain.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

import grpc
from grpc_health.v1 import health_pb2
from structlog.typing import FilteringBoundLogger

from waybill.serving.call import Context
from waybill.serving.unguarded import Methods, decoded

Check = Callable[[], Awaitable[str | None]]
"""Looks at one thing that the service needs: None if it is fine, else what is wrong with it."""

Needs = Mapping[str, Collection[str]]
"""By the name that health is asked under, the names of the checks that must be fine for it."""

WHOLE = ""
"""The name of the server as a whole, as in the standard."""
SERVICE_NAME: str = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
CHECK_TIMEOUT_S = 1.0
POLL_S = 1.0

_Status = health_pb2.HealthCheckResponse
_parse = health_pb2.HealthCheckRequest.FromString
_Task = asyncio.Task[str | None]


class HealthServicer:
    """Tells the status of each of its names. NOT_SERVING at first; for one event loop."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self._serving: frozenset[str] = frozenset()
        self._closed = False
        self._change = asyncio.Event()

    def set(self, serving: Iterable[str]) -> None:
        """Change which names are SERVING; after `close` none is."""
        serving = frozenset(serving)
        if serving != self._serving and not self._closed:
            self._serving = serving
            self._wake()

    def close(self) -> None:
        """Be NOT_SERVING for good, and end all watches once they have told so."""
        self.set(())
        self._closed = True
        self._wake()

    def handler(self) -> grpc.GenericRpcHandler:
        """The service as a `grpc.aio` server takes it."""
        methods: Methods = {
            "Check": grpc.unary_unary_rpc_method_handler(self.check),
            "Watch": grpc.unary_stream_rpc_method_handler(self.watch),
        }
        return grpc.method_handlers_generic_handler(SERVICE_NAME, methods)

    async def check(self, data: bytes, context: Context) -> bytes:
        """The status now; NOT_FOUND for a name that is none of ours."""
        name = (await decoded(_parse, data, context)).service
        if name not in self.names:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service here")
        return self._answer(name)

    async def watch(self, data: bytes, context: Context) -> None:
        """The status now and at every change; SERVICE_UNKNOWN for a name that is none of ours."""
        name, told = (await decoded(_parse, data, context)).service, None
        while True:
            change, status = self._change, self._status(name)
            if status != told:
                await context.write(self._answer(name))
                told = status
            elif self._closed:
                return
            else:
                await change.wait()

    def _answer(self, name: str) -> bytes:
        return bytes(_Status(status=self._status(name)).SerializeToString())

    def _status(self, name: str) -> int:
        if name not in self.names:
            return int(_Status.SERVICE_UNKNOWN)
        return int(_Status.SERVING if name in self._serving else _Status.NOT_SERVING)

    def _wake(self) -> None:
        self._change.set()
        self._change = asyncio.Event()


class HealthMonitor:
    """Polls the checks and tells the servicer which of its names are SERVING."""

    def __init__(
        self,
        servicer: HealthServicer,
        checks: Mapping[str, Check],
        log: FilteringBoundLogger,
        *,
        needs: Needs | None = None,
        timeout_s: float = CHECK_TIMEOUT_S,
    ) -> None:
        """A name that `needs` lacks needs all of `checks`."""
        self._servicer = servicer
        self._checks = checks
        self._log = log
        self._needs = needs or {}
        self._timeout_s = timeout_s
        self._tasks: dict[str, _Task] = {}
        self._problems: Mapping[str, str] | None = None

    async def run(self, poll_s: float = POLL_S) -> None:
        """Poll for ever."""
        while True:
            await asyncio.sleep(poll_s)
            await self.poll()

    async def poll(self) -> None:
        """Ask every check once; one that does not answer in time counts as failing.

        A check that hangs is not started again before it ends, so that they do not pile up.
        """
        for name, check in self._checks.items():
            if name not in self._tasks:
                self._tasks[name] = asyncio.ensure_future(_answer(check))
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=self._timeout_s)
        self._tell({name: text for name in self._checks if (text := self._outcome(name))})

    def close(self) -> None:
        """Give up on checks that hang."""
        for task in self._tasks.values():
            task.cancel()

    def _outcome(self, name: str) -> str | None:
        if not self._tasks[name].done():
            return f"does not answer within {self._timeout_s:g} s"
        task = self._tasks.pop(name)
        return "the check was cancelled" if task.cancelled() else task.result()

    def _tell(self, problems: Mapping[str, str]) -> None:
        down = frozenset(
            name
            for name in self._servicer.names
            if not problems.keys().isdisjoint(self._needs.get(name, self._checks))
        )
        self._servicer.set(self._servicer.names - down)
        if problems != self._problems:
            log = self._log.warning if problems else self._log.info
            log(_event(problems, down), problems=problems, names=sorted(down))
        self._problems = problems


def _event(problems: Mapping[str, str], down: Collection[str]) -> str:
    if WHOLE in down:
        return "not serving"
    return "serving in part" if problems else "serving"


async def _answer(check: Check) -> str | None:
    try:
        return await check()
    except Exception as error:  # noqa: BLE001 -- a check that fails to check has failed
        return f"the check failed with {type(error).__name__}"
