"""Spans and durations of gRPC calls, at both ends, after OpenTelemetry's semantic conventions.

A span is named after its method, such as `shop.orders.v1.OrdersService/PlaceOrder`, and has
`rpc.system.name`, `rpc.method` and `rpc.response.status_code`; `error.type` where the call failed.
The instruments `rpc.server.call.duration` and `rpc.client.call.duration` have the same attributes.
The trace travels in the metadata key `traceparent` (W3C Trace Context).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import Message
from opentelemetry.context import Context, attach, detach
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from waybill.metadata import Entry, text_values
from waybill.providers import Providers

Answer = TypeVar("Answer")
ServicerContext = grpc.aio.ServicerContext[Any, Any]
Handler = Callable[[bytes, ServicerContext], Awaitable[Answer]]
Attributes = Mapping[str, str]

SERVER_DURATION: Final = "rpc.server.call.duration"
CLIENT_DURATION: Final = "rpc.client.call.duration"
BOUNDARIES_S: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075),
    *(0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
"""Those of the conventions from 5 ms on; most calls of ours are shorter."""

SERVER_FAULTS: Final = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)
"""Codes with which the server has failed. With the others it did what it should: it refused."""

_CODES: Mapping[int, str] = {code.value[0]: code.name for code in grpc.StatusCode}
_PROPAGATOR = TraceContextTextMapPropagator()
_MAX_HEADER_CHARACTERS = 512
"""Of `traceparent` and `tracestate`: longer ones are not looked at."""


class _FromMetadata(Getter[Sequence[Entry]]):
    def get(self, carrier: Sequence[Entry], key: str) -> list[str] | None:
        values = [v for v in text_values(carrier, key) if len(v) <= _MAX_HEADER_CHARACTERS]
        return values or None

    def keys(self, carrier: Sequence[Entry]) -> list[str]:
        return [key for key, _ in carrier]


_FROM_METADATA = _FromMetadata()


def method_name(method: MethodDescriptor) -> str:
    """The full name of a method as gRPC's paths have it, without the leading slash."""
    assert method.containing_service is not None
    return f"{method.containing_service.full_name}/{method.name}"


@cache
def method_taking(request: Descriptor) -> str:
    """The full name of the one method of its file that takes `request`, as buf's rules demand."""
    services = request.file.services_by_name.values()
    methods = [each for service in services for each in service.methods]
    return next(method_name(each) for each in methods if each.input_type is request)


class ServerCalls:
    """Observes the calls that a server answers."""

    def __init__(
        self, providers: Providers, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """`clock` gives seconds; only differences count."""
        self._tracer = providers.tracer()
        self._clock = clock
        self._record = (
            providers.meter()
            .create_histogram(
                SERVER_DURATION,
                unit="s",
                description="Duration of an incoming call.",
                explicit_bucket_boundaries_advisory=BOUNDARIES_S,
            )
            .record
        )

    def observed(self, method: str, handler: Handler[Answer]) -> Handler[Answer]:
        """`handler`, within a span that continues the caller's trace."""
        about = {"rpc.system.name": "grpc", "rpc.method": method}

        async def answer(data: bytes, context: ServicerContext) -> Answer:
            started = self._clock()
            parent = _parent(context)
            span = self._tracer.start_span(method, parent, SpanKind.SERVER, about)
            within = attach(set_span_in_context(span, parent))
            code = "OK"
            try:
                return await handler(data, context)
            except asyncio.CancelledError:
                code = "CANCELLED"
                raise
            except BaseException:
                code = _code_of(context)
                raise
            finally:
                self._record(
                    self._clock() - started,
                    _ended(span, about, code, code if code in SERVER_FAULTS else ""),
                )
                detach(within)

        return answer


class ClientCalls:
    """Observes the calls that a client makes; without providers it does nothing."""

    def __init__(
        self, providers: Providers | None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """`clock` gives seconds; only differences count."""
        self._clock = clock
        self._tracer = providers.tracer() if providers else None
        if providers:
            self._duration = providers.meter().create_histogram(
                CLIENT_DURATION,
                unit="s",
                description="Duration of an outgoing call.",
                explicit_bucket_boundaries_advisory=BOUNDARIES_S,
            )

    def call(
        self, request: Message, metadata: Sequence[Entry]
    ) -> AbstractContextManager[Sequence[Entry]]:
        """Make the call inside of this, with the metadata that it gives."""
        return self._observed(request, metadata) if self._tracer else nullcontext(metadata)

    @contextmanager
    def _observed(self, request: Message, metadata: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
        assert self._tracer is not None
        started, method = self._clock(), method_taking(request.DESCRIPTOR)
        about = {"rpc.system.name": "grpc", "rpc.method": method}
        span = self._tracer.start_span(method, None, SpanKind.CLIENT, about)
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, set_span_in_context(span))
        code, failure = "OK", ""
        try:
            yield (*metadata, *carrier.items())
        except grpc.RpcError as error:
            code = failure = _code_of(error)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            code = failure = "CANCELLED"
            raise
        except BaseException as error:
            code, failure = "", type(error).__name__
            raise
        finally:
            self._duration.record(self._clock() - started, _ended(span, about, code, failure))


UNOBSERVED: Final = ClientCalls(None)


def _parent(context: ServicerContext) -> Context:
    entries: Any = context.invocation_metadata() or ()
    return _PROPAGATOR.extract(entries, getter=_FROM_METADATA)


def _code_of(call: Any) -> str:
    """The name of the code with which a call ended; of an error that is no call, UNKNOWN."""
    code: Any = call.code() if hasattr(call, "code") else None
    return code.name if isinstance(code, grpc.StatusCode) else _CODES.get(code, "UNKNOWN")


def _ended(span: Span, about: Attributes, code: str, failure: str) -> Attributes:
    """End `span`; the attributes of the duration."""
    outcome = {"rpc.response.status_code": code} if code else {}
    if failure:
        outcome["error.type"] = failure
        span.set_status(Status(StatusCode.ERROR))
    span.set_attributes(outcome)
    span.end()
    return {**about, **outcome}
