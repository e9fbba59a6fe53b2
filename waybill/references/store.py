"""What a store of references does, for those who issue and for those who resolve.

Whoever can write to the store can mint: nothing in it is signed. Give readers a login that cannot.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Filed:
    """What is filed for one handle.

    `name` is `waybill.references.handle.name_of` it; `revision` is the issuer's when it read what
    `record` says; the store forgets it after `ttl_s` seconds.
    """

    name: bytes
    subject: str
    revision: int
    ttl_s: int
    record: bytes = field(repr=False)


class ReferenceSource(Protocol):
    """A store as readers need it."""

    async def get(self, names: Sequence[bytes]) -> Sequence[bytes | None]:
        """The record of each name; None for one that is not filed, or no longer.

        Raises:
            waybill.errors.ReferenceStoreUnavailable: the store does not answer.
        """
        ...


class ReferenceSink(Protocol):
    """A store as issuers need it.

    `put` and `revoke` of one subject happen one after the other, so a record either is there when
    the revocation comes and goes with it, or comes later and is measured against it.
    """

    async def put(self, filed: Filed) -> None:
        """File a record. It can be got once this returns.

        Raises:
            waybill.errors.StateSuperseded: the subject was revoked at a revision above the
                record's: it says what held before.
            waybill.errors.ReferenceStoreUnavailable: the store does not answer, or is full.
        """
        ...

    async def revoke(self, subject: str, revision: int) -> None:
        """Forget every record of `subject`, and refuse those below `revision` that still come.

        Raises:
            waybill.errors.ReferenceStoreUnavailable: the store does not answer; it may have done it
                or not. Doing it again is harmless.
        """
        ...


class ReferenceStore(ReferenceSource, ReferenceSink, Protocol):
    """A store with both sides."""

    async def check(self) -> str | None:
        """None while it answers, otherwise what is wrong: a health check."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
