"""The ways in which state can travel."""

from enum import StrEnum


class Strategy(StrEnum):
    """How one service learns what another knows; the value is the wire name.

    The metadata key `waybill-strategy` chooses one for a call.
    """

    METADATA_JWT = "metadata-jwt"
    MESSAGE_FIELD = "message-field"
    REPLICA = "replica"
    DIRECT_CALL = "direct-call"
    PAGE_PROOF = "page-proof"
    REFERENCE = "reference"
