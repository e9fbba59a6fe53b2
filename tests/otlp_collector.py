"""Receives what services send over OTLP, in this process, on a free port."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as pb_grpc


@dataclass
class Collector(pb_grpc.TraceServiceServicer):
    """Keeps every span, with the name of the service that sent it."""

    spans: list[tuple[str, Any]] = field(default_factory=list)
    endpoint: str = ""

    def Export(  # noqa: N802 -- named by the contract
        self, request: pb.ExportTraceServiceRequest, _context: grpc.ServicerContext
    ) -> pb.ExportTraceServiceResponse:
        for resource in request.resource_spans:
            attributes = {a.key: a.value.string_value for a in resource.resource.attributes}
            service = attributes["service.name"]
            self.spans += [(service, s) for scope in resource.scope_spans for s in scope.spans]
        return pb.ExportTraceServiceResponse()

    def named(self, service: str, method: str) -> list[Any]:
        """The spans of `service` whose name ends with `method`."""
        return [span for name, span in self.spans if name == service and span.name.endswith(method)]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector, while the `with` lasts."""
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    pb_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]  # generated, untyped
    port = server.add_insecure_port("127.0.0.1:0")
    collector.endpoint = f"http://127.0.0.1:{port}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()
