"""Which errors a verifier raises: the same checks serve users' tokens and carried state."""

from dataclasses import dataclass

from waybill.errors import (
    CredentialExpired,
    CredentialInvalid,
    CredentialTooLarge,
    StateExpired,
    StateInvalid,
    StateTooLarge,
    WaybillError,
)


@dataclass(frozen=True, slots=True)
class Refusals:
    """One error class for everything that cannot be believed, and two for what has a remedy."""

    invalid: type[WaybillError]
    expired: type[WaybillError]
    too_large: type[WaybillError]


CREDENTIAL_REFUSALS = Refusals(CredentialInvalid, CredentialExpired, CredentialTooLarge)
STATE_REFUSALS = Refusals(StateInvalid, StateExpired, StateTooLarge)
