"""What stands between the wire and a handler, for every method but those of the health service.

It takes the raw request, and in this order: concurrency cap, deadline, size, credential, role,
decoding, field rules. So nothing of a stranger's request is parsed. Then the handler runs, and
whatever it raises becomes one status of `waybill.status`.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Never, cast

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.trace import get_current_span
from structlog.typing import FilteringBoundLogger

from waybill import errors
from waybill.rpc_telemetry import ServerCalls, method_name
from waybill.serving.call import Call, Context, GuardedCall
from waybill.serving.identity import Authenticator
from waybill.serving.rules import RuleTable
from waybill.status import RefusalStatus, internal_status, status_of

Handler = Callable[[Any, Call], Awaitable[Message] | AsyncGenerator[Message, None]]
"""`async def (request, call) -> response`, or for a server stream an async generator."""

_Admit = Callable[[bytes, Context, GuardedCall], Message]


@dataclass(frozen=True, slots=True)
class Method:
    """A handler, and the role that a caller must have for it; None lets every caller in."""

    handler: Handler
    role: str | None = None


class GuardedService(grpc.GenericRpcHandler):
    """The methods of one service behind its guard, as a `grpc.aio` server takes them."""

    def __init__(self, service: grpc.GenericRpcHandler, guard: "Guard") -> None:
        self._find = service.service
        self._guard = guard

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        return self._find(handler_call_details)

    def drain(self) -> None:
        """Refuse calls that arrive from now on, and end the streams; other calls finish."""
        self._guard.drain()


class Guard:
    """Guards the methods of the services of one server; its limits count over all of them.

    For one event loop; not shared between threads.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        rules: RuleTable,
        *,
        max_message_bytes: int,
        max_concurrent_calls: int,
        log: FilteringBoundLogger,
        calls: ServerCalls | None = None,
    ) -> None:
        self._calls = calls
        self._authenticate = authenticator.caller
        self._rules = rules
        self._max_bytes = max_message_bytes
        self._max_calls = max_concurrent_calls
        self._log = log
        self._log_reads = log.is_enabled_for(logging.DEBUG)
        self._active = 0
        self._draining = False
        self._streams: set[_Stream] = set()

    def service(
        self, descriptor: ServiceDescriptor, methods: Mapping[str, Method]
    ) -> GuardedService:
        """Guard all methods of a service, given by name.

        Raises:
            ValueError: a method is missing, unknown or streams requests, or a request has no rules.
        """
        names = {method.name for method in descriptor.methods}
        if names != methods.keys():
            wrong = ", ".join(sorted(names ^ methods.keys()))
            raise ValueError(f"{descriptor.full_name}: methods missing or unknown: {wrong}")
        handlers = {
            each.name: self._guarded(each, methods[each.name]) for each in descriptor.methods
        }
        generic = grpc.method_handlers_generic_handler(descriptor.full_name, handlers)
        return GuardedService(generic, self)

    def drain(self) -> None:
        """Refuse calls that arrive from now on, and end the streams; other calls finish."""
        self._draining = True
        for stream in self._streams:
            stream.end()

    def _guarded(
        self, descriptor: MethodDescriptor, method: Method
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        if descriptor.client_streaming:
            raise ValueError(f"{descriptor.full_name} streams requests, which is not supported")
        self._rules.require(descriptor.input_type)
        admit = self._admission(descriptor, method.role)
        name, handler = descriptor.full_name, cast("Any", method.handler)
        if descriptor.server_streaming:
            stream = self._observed(descriptor, self._stream(name, admit, handler))
            return grpc.unary_stream_rpc_method_handler(stream)
        unary = self._observed(descriptor, self._unary(name, admit, handler))
        return grpc.unary_unary_rpc_method_handler(unary)

    def _observed(self, descriptor: MethodDescriptor, handler: Any) -> Any:
        """`handler`, within a span and measured; the same one where nobody wants to know."""
        if self._calls is None:
            return handler
        return self._calls.observed(method_name(descriptor), handler)

    def _unary(
        self, name: str, admit: _Admit, handler: Callable[[Any, Call], Awaitable[Message]]
    ) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def answer(data: bytes, context: Context) -> bytes:
            call = GuardedCall(context)
            try:
                self._enter()
                try:
                    response = await handler(admit(data, context, call), call)
                    encoded = response.SerializeToString()
                finally:
                    self._active -= 1
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- each gets a status
                return await self._refuse(error, name, call, context)
            self._accepted(name, call)
            return encoded

        return answer

    def _stream(
        self,
        name: str,
        admit: _Admit,
        handler: Callable[[Any, Call], AsyncGenerator[Message, None]],
    ) -> Callable[[bytes, Context], Awaitable[None]]:
        async def answer(data: bytes, context: Context) -> None:
            call = GuardedCall(context)
            try:
                self._enter()
                try:
                    await self._send_all(handler(admit(data, context, call), call), context)
                finally:
                    self._active -= 1
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- each gets a status
                await self._refuse(error, name, call, context)
            self._accepted(name, call)

        return answer

    async def _send_all(self, responses: AsyncGenerator[Message, None], context: Context) -> None:
        """Write the stream until it ends, or until the drain makes its time out pass."""
        stream = _Stream(context)
        try:
            async with stream.time, aclosing(responses):
                self._streams.add(stream)
                async for response in responses:
                    await stream.write(response)
        except TimeoutError:
            if stream.time.expired():
                raise errors.ShuttingDown from None
            raise
        finally:
            self._streams.discard(stream)

    def _enter(self) -> None:
        if self._draining:
            raise errors.ShuttingDown
        if self._active >= self._max_calls:
            raise errors.TooManyCalls(facts={"max_calls": str(self._max_calls)})
        self._active += 1

    def _admission(self, method: MethodDescriptor, role: str | None) -> _Admit:
        """What happens to a request before its handler, compiled for one method."""
        parse = GetMessageClass(method.input_type).FromString
        authenticate, check_rules, max_bytes = (
            self._authenticate,
            self._rules.check,
            self._max_bytes,
        )

        def admit(data: bytes, context: Context, call: GuardedCall) -> Message:
            if context.time_remaining() == 0:
                raise errors.DeadlineSpent
            if len(data) > max_bytes:
                facts = {"bytes": str(len(data)), "max_bytes": str(max_bytes)}
                raise errors.MessageTooLarge(facts=facts)
            call.caller = caller = authenticate(call.metadata)
            if role is not None and role not in caller.roles:
                raise errors.RoleMissing(facts={"role": role})
            try:
                request = parse(data)
            except DecodeError:
                raise errors.RequestUndecodable from None
            check_rules(request)
            return request

        return admit

    def _accepted(self, name: str, call: GuardedCall) -> None:
        if call.accepted_facts is not None:
            self._log.info("accepted", **_about(name, call), **call.accepted_facts)
        elif self._log_reads:
            self._log.debug("accepted", **_about(name, call))

    async def _refuse(
        self, error: BaseException, name: str, call: GuardedCall, context: Context
    ) -> Never:
        """End a call without an answer."""
        status = self._refused(error, name, call)
        await context.abort(status.code, status.message, status.trailing_metadata)

    def _refused(self, error: BaseException, name: str, call: GuardedCall) -> RefusalStatus:
        """Log why a call ends without an answer, and make its status.

        Raises:
            asyncio.CancelledError: the caller has gone, so that nobody waits for a status. One
                that does not come from cancelling this call is an error like any other: grpc.aio
                would leave the caller without an answer.
        """
        if isinstance(error, errors.WaybillError):
            status = status_of(error, request_id=call.request_id)
            facts = {"reason": error.reason, "code": status.code.name, "detail": str(error)}
            self._log.info("refused", **_about(name, call), **facts)
            get_current_span().set_attribute("waybill.refusal.reason", error.reason)
            return status
        if isinstance(error, _CallerLeft) or (
            isinstance(error, asyncio.CancelledError) and _cancelled_from_outside()
        ):
            self._log.info("cancelled", **_about(name, call))
            raise error
        self._log.error("failed", **_about(name, call), exc_info=error)
        return internal_status(request_id=call.request_id)


class _CallerLeft(asyncio.CancelledError):
    """The call ended while something was written to it."""


class _Stream:
    """One stream of messages, which can be ended between two of them.

    Never within one: gRPC has half an operation then, takes no status, and the caller waits on.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._writing = self._ended = False
        self.time = asyncio.timeout(None)
        """Within this the next message is waited for."""

    def end(self) -> None:
        """No more messages, but for the one that is being sent."""
        self._ended = True
        if not self._writing:
            self.time.reschedule(asyncio.get_running_loop().time())

    async def write(self, response: Message) -> None:
        """Send one message.

        Nothing limits what a server sends, so this fails only where the call is over: the caller
        left, its deadline passed or its connection broke. The cancellation by gRPC may come later,
        as its events have no order.

        Raises:
            ShuttingDown: the stream has been ended.
            _CallerLeft: the call is over.
        """
        self._check()
        self._writing = True
        try:
            await self._context.write(response.SerializeToString())
        except grpc.aio.InternalError as error:
            raise _CallerLeft from error
        self._writing = False
        self._check()

    def _check(self) -> None:
        if self._ended:
            raise errors.ShuttingDown


def _about(name: str, call: GuardedCall) -> dict[str, object]:
    about: dict[str, object] = {
        "method": name,
        "request_id": call.request_id,
        "subject": call.caller.subject,
    }
    span = get_current_span().get_span_context()
    if span.is_valid:  # the names are those of OpenTelemetry for logs that are not its own
        about |= {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}
    return about


def _cancelled_from_outside() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
