"""Decoding for the methods that no guard stands before: those of health and of reflection.

grpc.aio alone would answer UNKNOWN with the exception's text.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from waybill.errors import RequestUndecodable
from waybill.serving.call import Context
from waybill.status import status_of

Request = TypeVar("Request")
Methods = dict[str, "grpc.RpcMethodHandler[Any, Any]"]


async def decoded(parse: Callable[[bytes], Request], data: bytes, context: Context) -> Request:
    """What `parse` makes of `data`; ends the call with INVALID_ARGUMENT where it makes nothing."""
    try:
        return parse(data)
    except DecodeError:
        refused = status_of(RequestUndecodable())
    return await context.abort(refused.code, refused.message, refused.trailing_metadata)


def reflection_handler(names: Iterable[str]) -> grpc.GenericRpcHandler:
    """The reflection service (grpc.reflection.v1alpha), which tells the contracts of `names`."""
    servicer = reflection.aio.ReflectionServicer(names)

    async def info(requests: AsyncIterator[bytes], context: Context) -> AsyncGenerator[bytes, None]:
        async def asked() -> AsyncGenerator[ServerReflectionRequest, None]:
            async for data in requests:
                yield await decoded(ServerReflectionRequest.FromString, data, context)

        async for answer in servicer.ServerReflectionInfo(asked(), context):
            yield answer.SerializeToString()

    methods: Methods = {"ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(info)}
    return grpc.method_handlers_generic_handler(reflection.SERVICE_NAME, methods)
