"""One call to one service: its metadata, its deadline, and what its failure becomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from client.errors import CallRefused, Peer
from waybill.metadata import Entry
from waybill.rpc_telemetry import UNOBSERVED, ClientCalls
from waybill.status import error_from

Request = TypeVar("Request", bound=Message)
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes calls to `peer`, each with `metadata` and at most `timeout_s` long."""

    peer: Peer
    metadata: tuple[Entry, ...] = field(repr=False)
    timeout_s: float
    observer: ClientCalls = UNOBSERVED

    def ask(
        self,
        method: "grpc.UnaryUnaryMultiCallable[Request, Answer]",
        request: Request,
        *,
        metadata: tuple[Entry, ...] = (),
        notes: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer to `request`.

        Raises:
            CallRefused: the service or the way to it refuses; with `notes`.
        """
        return self.ask_fully(method, request, metadata=metadata, notes=notes)[0]

    def ask_fully(
        self,
        method: "grpc.UnaryUnaryMultiCallable[Request, Answer]",
        request: Request,
        *,
        metadata: tuple[Entry, ...] = (),
        notes: Mapping[str, str] | None = None,
    ) -> tuple[Answer, grpc.Call]:
        """The answer, and the call that holds its metadata. Raises as `ask`."""
        try:
            with self.observer.call(request, (*self.metadata, *metadata)) as entries:
                return method.with_call(request, timeout=self.timeout_s, metadata=tuple(entries))
        except grpc.RpcError as error:
            raise CallRefused(error_from(error), self.peer, notes) from error
