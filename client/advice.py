"""What to do about each refusal: the words for people, apart from the code that finds them."""

from collections.abc import Mapping
from typing import Final

import grpc

LIST_AGAIN = "list again under the same strategy: python -m client list --all"
LOG_IN_AGAIN = "log in again: python -m client login SUBJECT"

BY_REASON: Final[Mapping[str, str]] = {
    "CREDENTIAL_MISSING": "log in: python -m client login SUBJECT",
    "CREDENTIAL_INVALID": f"{LOG_IN_AGAIN}; if it stays, the service reads another users-jwks.json"
    " than the one beside your session file",
    "CREDENTIAL_EXPIRED": f"{LOG_IN_AGAIN}, with a longer --ttl-s if need be",
    "CREDENTIAL_TOO_LARGE": f"{LOG_IN_AGAIN}, without roles or with a shorter subject",
    "STATE_MISSING": LIST_AGAIN,
    "STATE_INVALID": f"{LIST_AGAIN}; if it stays, orders lacks the current keys of products",
    "STATE_EXPIRED": LIST_AGAIN,
    "STATE_VERSION_UNSUPPORTED": "have products issue a version that orders reads"
    " (PRODUCTS_STATE_VERSIONS=1,2 issues both), then list again; or upgrade orders",
    "STATE_SUPERSEDED": LIST_AGAIN,
    "STATE_TOO_LONG_LIVED": "have products issue state for less time (PRODUCTS_STATE_TTL_S), then"
    " list again; or let orders accept more (ORDERS_STATE_MAX_LIFETIME_S)",
    "SUBJECT_MISMATCH": f"what is kept was issued to somebody else; {LIST_AGAIN}",
    "NOT_GRANTED": "see what you may order, and how many: python -m client list --all;"
    " an administrator can grant more: python -m client grant SUBJECT PRODUCT",
    "ROLE_MISSING": "log in with the role: python -m client login SUBJECT --admin (or --service)",
    "STRATEGY_NOT_ACCEPTED": "choose another --strategy, or let the service accept this one"
    " (PRODUCTS_STRATEGIES, ORDERS_STRATEGIES; reference needs PRODUCTS_REFERENCE_URL and"
    " ORDERS_REFERENCE_URL)",
    "UPSTREAM_UNAVAILABLE": "try again later; orders could not ask products, so see whether"
    " products is up, or use a --strategy that needs no look-up",
    "REFERENCE_STORE_UNAVAILABLE": "try again later; if it stays, see whether the store is up"
    " (PRODUCTS_REFERENCE_URL, ORDERS_REFERENCE_URL), or use another --strategy",
    "REVOCATION_INCOMPLETE": "send the same revoke again until it is acknowledged; references that"
    " were issued before count until then, or until they expire",
    "REPLICA_NOT_READY": "try again in a few seconds; if it stays, see whether products is up and"
    " the follower of orders runs, or use another --strategy",
    "REVOCATIONS_UNKNOWN": "try again in a few seconds; if it stays, see whether products is up,"
    " or use another --strategy",
    "REVISION_NOT_REACHED": "try again, with a longer --timeout or a lower --min-revision",
    "KEYS_UNAVAILABLE": "try again; if it stays, the service cannot read its key file:"
    " log in once, and start products before orders",
    "STREAM_STALLED": "read the stream faster, or resume from the last applied revision",
    "STORAGE_UNAVAILABLE": "try again later; the service cannot reach its database",
    "SHUTTING_DOWN": "try again",
    "INVALID_REQUEST": "correct the fields named here",
    "REQUEST_UNDECODABLE": "use a client and a service of the same version",
    "STATE_TOO_LARGE": "list with a smaller --page-size and order less at once, or use --strategy"
    " message-field or page-proof; or raise the limit of the hop (by the directive named here, if"
    " any) and name what it is then: --path-hops here, PRODUCTS_PATH_HOPS at products",
    "MESSAGE_TOO_LARGE": "order less at once, or list with a smaller --page-size",
    "TOO_MANY_CALLS": "try again; if it stays, run more workers of the service",
    "HISTORY_COMPACTED": "ask for a snapshot: resume_revision 0",
    "ORDER_NOT_FOUND": "see your orders: python -m client orders",
    "PRODUCT_NOT_FOUND": "see what you may order: python -m client list --all",
    "REQUEST_ID_REUSED": "leave --request-id out to place a new order",
    "DEADLINE_SPENT": "try again, with a longer --timeout",
    "INTERNAL": "this is a fault of the service: report it with the x-request-id",
    # the client's own
    "NOTHING_KEPT": "list first, under the same strategy: python -m client list --all;"
    " or send without state: --anyway",
    "METADATA_TOO_LARGE": "the headers are over the limit of a hop on the way: list with a smaller"
    " --page-size, use --strategy message-field, or raise the limit there (the services:"
    " PRODUCTS_MAX_METADATA_BYTES, ORDERS_MAX_METADATA_BYTES; answers: --max-metadata-bytes)",
    "NOT_LOGGED_IN": "log in: python -m client login SUBJECT",
    "USAGE": "see: python -m client --help",
}

BY_CODE: Final[Mapping[grpc.StatusCode, str]] = {
    grpc.StatusCode.UNAVAILABLE: "see whether the service is up at this address"
    " (python -m products_svc, python -m orders_svc), or name another: --products, --orders",
    grpc.StatusCode.DEADLINE_EXCEEDED: "try again, with a longer --timeout",
    grpc.StatusCode.UNIMPLEMENTED: "something else answers at this address:"
    " see --products and --orders",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "ask for less at once",
    grpc.StatusCode.UNAUTHENTICATED: LOG_IN_AGAIN,
}

MAYBE_PLACED: Final = (
    "; the order may have been placed all the same, so repeat it with --request-id {request_id},"
    " which never orders twice"
)
UNSURE_REASONS: Final = frozenset({"DEADLINE_SPENT", "STORAGE_UNAVAILABLE", "INTERNAL"})
UNSURE_CODES: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
    }
)
"""Of answers that came without a reason: the call may have reached the service, or not."""

DEFAULT = "this answer is not from the services themselves: see the hops between"


def advice_for(reason: str, code: grpc.StatusCode, request_id: str = "") -> str:
    """What to do about a refusal; of the reason where it is known, otherwise of the code.

    With the `request_id` of an order it says so where that may have been placed nevertheless: the
    same command once more would be another order.
    """
    advice = BY_REASON.get(reason) or BY_CODE.get(code, DEFAULT)
    unsure = reason in UNSURE_REASONS if reason else code in UNSURE_CODES
    return advice + MAYBE_PLACED.format(request_id=request_id) if request_id and unsure else advice
