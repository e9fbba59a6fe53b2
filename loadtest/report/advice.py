"""When to choose a strategy: what the figures cannot say by themselves."""

from waybill.strategy import Strategy

CHOOSE_WHEN: dict[str, str] = {
    Strategy.METADATA_JWT: (
        "messages cannot change, and lists stay far below the smallest header limit on the path"
    ),
    Strategy.MESSAGE_FIELD: (
        "callers can hold state, lists are long, and the services must not call each other"
    ),
    Strategy.REPLICA: (
        "orders must go on while products is down, and a feed with its storage can be run"
    ),
    Strategy.DIRECT_CALL: (
        "answers must be as fresh as a TTL, and every order may depend on products"
    ),
    Strategy.PAGE_PROOF: (
        "lists are long, and headers are all there is: only proofs of what is ordered travel"
    ),
    Strategy.REFERENCE: (
        "headers must stay tiny, a revoke must count within a second, and a shared store can be run"
    ),
}
"""By row of the comparison."""
