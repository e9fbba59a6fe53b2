"""The description of a copy, as the script `describe` answers it."""

from collections.abc import Sequence
from typing import Any

from orders_svc.replica.records import COLD, Meta


def meta_of(answer: Sequence[Any]) -> Meta:
    """The description; `COLD` where the server has no whole copy of this release's format."""
    if not answer:
        return COLD
    epoch, revision, synced_at, ready, grants = answer[:5]
    return Meta(int(epoch), int(revision), float(synced_at), ready == b"1", int(grants))
