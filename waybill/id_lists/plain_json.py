"""Rung `json`: the plain list, as in the claim `products`, sorted. The baseline."""

import json
from collections.abc import Sequence

from waybill.id_lists.codec import Limits, check_ascending


class PlainJson:
    """A JSON array without white space."""

    def encode(self, ids: Sequence[str]) -> bytes:
        return json.dumps(list(ids), separators=(",", ":")).encode("ascii")

    def decode(self, body: bytes, limits: Limits) -> list[str]:
        """Ids need no escape, so their one spelling is found without a parser."""
        if body == b"[]":
            return []
        text = body.decode("ascii")
        if not (text.startswith('["') and text.endswith('"]')):
            raise ValueError("not an array of texts")
        ids = text[2:-2].split('","', limits.max_ids)
        if len(ids) > limits.max_ids:
            raise ValueError("too many ids")
        check_ascending(ids)
        return ids
