"""Makes the header of an order from a listed page, for tools that cannot hash.

    grpcurl ... ListProducts | python3 -m client.narrow PRODUCT...

reads an answer of ListProducts as JSON and prints the value of `waybill-proof-bin` in base64.
"""

import base64
import sys
from collections.abc import Collection

from google.protobuf.json_format import Parse, ParseError

from client.carriers.base import kept_page
from client.carriers.page_proof import PageProofCarrier
from shop.products.v1.products_pb2 import ListProductsResponse
from waybill.budget import Budget


def header(listing: str, product_ids: Collection[str]) -> str:
    """The header value that proves `product_ids` from the JSON of one listed page.

    Raises:
        ValueError: `listing` is none, carries no proofs, or none of these products.
    """
    try:
        answer = Parse(listing, ListProductsResponse())
    except ParseError as error:
        raise ValueError(f"no answer of ListProducts: {error}") from error
    carrier = PageProofCarrier(Budget(()))
    carried = carrier.carry([kept_page(carrier, answer, ())], product_ids)
    if not carried.metadata:
        raise ValueError("no page proof of any of these products")
    value = carried.metadata[-1][1]  # of several versions, the last
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()


def main() -> int:
    """Read, narrow, print; returns the exit code."""
    try:
        print(header(sys.stdin.read(), sys.argv[1:]))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
