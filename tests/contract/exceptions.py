"""Where a strategy cannot answer as a perfect one would: declared, explained, and tested.

Printed as a table at the end of each test run, and by `make exceptions`.
"""

from dataclasses import dataclass

import grpc

from tests.contract.world import OK, Outcome
from waybill.strategy import Strategy

NOTHING_TRAVELS = "no state travels, so there is none to forge, outlive or outgrow"
COUNTS_UNTIL_EXPIRY = "state that travels counts until it expires, unless a revision is demanded"
LOOK_ALIKE = "expired, revoked and never issued look alike, so that a handle tells nothing"
ALREADY_KNOWN = "the demanded revision is already known to the source, which decides on it"


@dataclass(frozen=True, slots=True)
class Declared:
    """What the strategy answers instead, and why it must."""

    outcome: Outcome
    why: str


STATE_TRAVELS = (Strategy.METADATA_JWT, Strategy.MESSAGE_FIELD, Strategy.PAGE_PROOF)
LEADS_NOWHERE = Outcome(grpc.StatusCode.UNAUTHENTICATED, "STATE_INVALID")

ANYTHING_FORGED = (
    "expired",
    "tampered",
    "wrong subject",
    "wrong audience",
    "retired key",
    "oversize",
    "newer version",
)

EXCEPTIONS: dict[tuple[str, Strategy], Declared] = {
    **{
        (case, strategy): Declared(OK, NOTHING_TRAVELS)
        for case in ANYTHING_FORGED
        for strategy in (Strategy.REPLICA, Strategy.DIRECT_CALL)
    },
    **{
        ("replayed revision", strategy): Declared(OK, ALREADY_KNOWN)
        for strategy in (Strategy.REPLICA, Strategy.DIRECT_CALL)
    },
    **{
        ("revoked", strategy): Declared(
            Outcome(grpc.StatusCode.FAILED_PRECONDITION, "STATE_SUPERSEDED"),
            "the state is refused as too old; that the grant is gone shows in the next list",
        )
        for strategy in STATE_TRAVELS
    },
    **{
        ("revoked, unawares", strategy): Declared(OK, COUNTS_UNTIL_EXPIRY)
        for strategy in STATE_TRAVELS
    },
    ("expired", Strategy.REFERENCE): Declared(LEADS_NOWHERE, LOOK_ALIKE),
    ("revoked", Strategy.REFERENCE): Declared(LEADS_NOWHERE, LOOK_ALIKE),
    ("revoked, unawares", Strategy.REFERENCE): Declared(LEADS_NOWHERE, LOOK_ALIKE),
    ("retired key", Strategy.REFERENCE): Declared(
        OK, "nothing is signed: the store vouches, whatever becomes of the keys"
    ),
    ("revoked, unawares", Strategy.DIRECT_CALL): Declared(
        OK, "the cached answer counts until its TTL ends, unless a revision is demanded"
    ),
    ("products down", Strategy.DIRECT_CALL): Declared(
        Outcome(grpc.StatusCode.UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
        "nothing usable is cached, and nobody else knows; never a grant",
    ),
}


def table() -> list[str]:
    """The exceptions as lines of aligned text, one for each case and strategy."""
    rows = [("case", "strategy", "answers", "because")]
    rows += [
        (case, strategy.value, exception.outcome.text, exception.why)
        for (case, strategy), exception in EXCEPTIONS.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]])
        for row in rows
    ]


if __name__ == "__main__":
    print("\n".join(table()))  # noqa: T201 - this command's purpose is to print
