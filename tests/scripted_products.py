"""A products service that says what a test wrote down for it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
from grpc import aio

from shop.products.v1.products_pb2 import (
    CheckAccessRequest,
    CheckAccessResponse,
    WatchAccessRequest,
    WatchAccessResponse,
)
from shop.products.v1.products_pb2_grpc import (
    ProductsServiceServicer,
    add_ProductsServiceServicer_to_server,
)

Context = aio.ServicerContext[Any, Any]


class Script(ProductsServiceServicer):
    """Answers with what stands next, and remembers who asked."""

    def __init__(self) -> None:
        self.answers: list[CheckAccessResponse | grpc.StatusCode] = []
        self.streams: list[Sequence[WatchAccessResponse | grpc.StatusCode]] = []
        self.hold_after: WatchAccessResponse | None = None
        self.held = asyncio.Event()
        self.tokens: list[str] = []
        self.asked: list[Any] = []
        self.stuck = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def CheckAccess(  # noqa: N802 - the contract's name
        self, request: CheckAccessRequest, context: Context
    ) -> CheckAccessResponse:
        self._note(request, context)
        if not self.answers:
            await self._hang()
        answer = self.answers.pop(0)
        if isinstance(answer, grpc.StatusCode):
            await context.abort(answer, "words of another service")
        return answer

    async def WatchAccess(  # noqa: N802 - the contract's name
        self, request: WatchAccessRequest, context: Context
    ) -> AsyncIterator[WatchAccessResponse]:
        self._note(request, context)
        for event in self.streams.pop(0) if self.streams else ():
            if isinstance(event, grpc.StatusCode):
                await context.abort(event, "words of another service")
            else:
                yield event
            if event == self.hold_after:
                await self.held.wait()
        await self._hang()

    def _note(self, request: Any, context: Context) -> None:
        self.asked.append(request)
        self.tokens += [
            str(v) for k, v in context.invocation_metadata() or () if k == "authorization"
        ]

    async def _hang(self) -> None:
        self.stuck.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


@asynccontextmanager
async def serving(
    script: Script, credentials: grpc.ServerCredentials | None = None
) -> AsyncIterator[int]:
    server = aio.server()
    add_ProductsServiceServicer_to_server(script, server)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    yield port
    await server.stop(None)


def scripted() -> Script:
    """A script; needs a running event loop."""
    return Script()  # type: ignore[abstract]  # nobody calls the other methods
