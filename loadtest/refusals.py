"""Names refusals as the results count them."""

import grpc

from waybill.status import error_from


def refusal_of(error: grpc.RpcError) -> str:
    """The gRPC code, and after a space the stable reason where a service of ours gave one.

    A refusal by the transport, as of an oversize header list, has no reason.
    """
    refusal = error_from(error)
    return f"{refusal.code.name} {refusal.reason}".strip()
