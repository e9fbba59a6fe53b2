"""Everything that can be refused, as one tree.

The second level says which gRPC code a refusal has (`waybill.status` holds the map); the leaves say
why, with a stable `reason` for programs and one public `message` for people. The text given to an
exception when it is raised is for logs only and never travels; it must not quote unverified input.
"""

from collections.abc import Mapping
from typing import ClassVar

STATE_ADVICE = "list the products again to get fresh state"


class WaybillError(Exception):
    """A refusal. `facts` are public and travel as metadata of the ErrorInfo."""

    reason: ClassVar[str] = "INTERNAL"
    message: ClassVar[str] = "the request was refused"

    def __init__(self, log_text: str = "", *, facts: Mapping[str, str] | None = None) -> None:
        super().__init__(log_text or self.message)
        self.facts: Mapping[str, str] = facts or {}


class Unauthenticated(WaybillError):
    """Not authentic: no credential, or nothing that can be believed."""


class PermissionDenied(WaybillError):
    """Authentic, and not allowed."""


class FailedPrecondition(WaybillError):
    """Authentic, and too old."""


class Unavailable(WaybillError):
    """Cannot know now. Never a grant."""


class InvalidArgument(WaybillError):
    """The request itself is wrong; no retry will help."""


class ResourceExhausted(WaybillError):
    """Over a limit of size or concurrency."""


class OutOfRange(WaybillError):
    """Asks for history that is gone."""


class NotFound(WaybillError):
    """No such thing, or none that the caller may see."""


class AlreadyExists(WaybillError):
    """The name is taken by something else."""


class DeadlineExceeded(WaybillError):
    """The caller's time is up."""


class CredentialMissing(Unauthenticated):
    """No `authorization` metadata, or more than one, or not a bearer token."""

    reason = "CREDENTIAL_MISSING"
    message = "send exactly one `authorization: Bearer <token>`"


class CredentialInvalid(Unauthenticated):
    """The user's token cannot be believed. One message for every cause."""

    reason = "CREDENTIAL_INVALID"
    message = "the credential could not be verified; log in again"


class CredentialExpired(Unauthenticated):
    """The user's token is authentic and past its expiry."""

    reason = "CREDENTIAL_EXPIRED"
    message = "the credential has expired; log in again"


class StateMissing(Unauthenticated):
    """The strategy needs carried state, and none came."""

    reason = "STATE_MISSING"
    message = f"the call carries no state; {STATE_ADVICE}"


class StateInvalid(Unauthenticated):
    """Carried state cannot be believed. One message for every cause."""

    reason = "STATE_INVALID"
    message = f"the carried state could not be verified; {STATE_ADVICE}"


class StateExpired(Unauthenticated):
    """Carried state is authentic and past its expiry."""

    reason = "STATE_EXPIRED"
    message = f"the carried state has expired; {STATE_ADVICE}"


class StateVersionUnsupported(Unauthenticated):
    """Carried state is of a version newer than this reader. An error, never a guess."""

    reason = "STATE_VERSION_UNSUPPORTED"
    message = "the carried state is of a version that this service does not read"


class StateTooLongLived(Unauthenticated):
    """Carried state would outlive what is known of revocations. Facts: both lifetimes."""

    reason = "STATE_TOO_LONG_LIVED"
    message = "the carried state claims a longer lifetime than this service accepts"


class SubjectMismatch(PermissionDenied):
    """The state belongs to another subject than the caller."""

    reason = "SUBJECT_MISMATCH"
    message = "the carried state belongs to another subject"


class NotGranted(PermissionDenied):
    """The caller has no entitlement for the product, or not for that quantity."""

    reason = "NOT_GRANTED"
    message = "the caller may not order this"


class RoleMissing(PermissionDenied):
    """The method is for services or administrators."""

    reason = "ROLE_MISSING"
    message = "the caller's credential lacks the role that this method needs"


class StrategyNotAccepted(PermissionDenied):
    """The call asks for a strategy that the service's settings do not accept."""

    reason = "STRATEGY_NOT_ACCEPTED"
    message = "this service does not accept the requested strategy"


class StateSuperseded(FailedPrecondition):
    """Carried state is authentic, and older than the required revision or than a revocation."""

    reason = "STATE_SUPERSEDED"
    message = f"the carried state is older than the required revision; {STATE_ADVICE}"


class UpstreamUnavailable(Unavailable):
    """The service that knows does not answer, and nothing usable is at hand."""

    reason = "UPSTREAM_UNAVAILABLE"
    message = "the entitlements cannot be looked up now; try again later"


class ReplicaNotReady(Unavailable):
    """The replica is cold, has a gap, or lags more than its bound."""

    reason = "REPLICA_NOT_READY"
    message = "the local copy of the entitlements is not usable now; try again later"


class RevisionNotReached(Unavailable):
    """The required revision was not reached before the deadline."""

    reason = "REVISION_NOT_REACHED"
    message = "the required revision has not arrived yet; try again later"


class KeysUnavailable(Unavailable):
    """No verification keys are loaded, so nothing can be believed or refused."""

    reason = "KEYS_UNAVAILABLE"
    message = "verification keys are not loaded; try again later"


class RevocationsUnknown(Unavailable):
    """Whether carried state was revoked cannot be known: the feed of revocations is behind."""

    reason = "REVOCATIONS_UNKNOWN"
    message = "whether the carried state still counts cannot be known now; try again later"


class ReferenceStoreUnavailable(Unavailable):
    """The store that references lead to does not answer, or is full."""

    reason = "REFERENCE_STORE_UNAVAILABLE"
    message = "references cannot be looked up or issued now; try again later"


class RevocationIncomplete(Unavailable):
    """The grant is gone, and references that were issued before could not be revoked."""

    reason = "REVOCATION_INCOMPLETE"
    message = "the grant is taken away, but references may still count; send the same call again"


class StorageUnavailable(Unavailable):
    """The database does not answer."""

    reason = "STORAGE_UNAVAILABLE"
    message = "the service's storage is not reachable now; try again later"


class StreamStalled(Unavailable):
    """The caller left a message of a stream unread for too long."""

    reason = "STREAM_STALLED"
    message = "the stream was not read for too long; open it again"


class ShuttingDown(Unavailable):
    """The process drains and takes no new calls."""

    reason = "SHUTTING_DOWN"
    message = "the service is shutting down; try again"


class InvalidRequest(InvalidArgument):
    """Fields break their rules; `violations` maps each field's path to what is wrong with it."""

    reason = "INVALID_REQUEST"
    message = "the request is invalid"

    def __init__(self, violations: Mapping[str, str]) -> None:
        super().__init__(", ".join(violations))
        self.violations = violations


class RequestUndecodable(InvalidArgument):
    """The request's bytes are no message of the method's type."""

    reason = "REQUEST_UNDECODABLE"
    message = "the request could not be decoded as the method's message"


class StateTooLarge(ResourceExhausted):
    """Carried state is over its size budget. Facts: `bytes`, `max_bytes`.

    Where it would not pass a hop, also those of `waybill.header_caps.Use`: which hop, and what
    raises its limit.
    """

    reason = "STATE_TOO_LARGE"
    message = (
        "the carried state is over its size budget; use a smaller page, strategy message-field or"
        " page-proof, or raise the limit"
    )


class CredentialTooLarge(ResourceExhausted):
    """The user's token is over its byte budget. Facts: `bytes`, `max_bytes`."""

    reason = "CREDENTIAL_TOO_LARGE"
    message = "the credential is over its size limit"


class MessageTooLarge(ResourceExhausted):
    """The request message is over the limit. Facts: `bytes`, `max_bytes`."""

    reason = "MESSAGE_TOO_LARGE"
    message = "the request message is over the size limit"


class TooManyCalls(ResourceExhausted):
    """The process works on as many calls as it may."""

    reason = "TOO_MANY_CALLS"
    message = "the service is at its concurrency limit; try again"


class HistoryCompacted(OutOfRange):
    """The feed no longer holds the changes after the asked revision."""

    reason = "HISTORY_COMPACTED"
    message = "the history after this revision is gone; ask for a snapshot with resume_revision 0"


class OrderNotFound(NotFound):
    """No such order of this caller."""

    reason = "ORDER_NOT_FOUND"
    message = "the caller has no such order"


class ProductNotFound(NotFound):
    """No such product."""

    reason = "PRODUCT_NOT_FOUND"
    message = "there is no such product"


class RequestIdReused(AlreadyExists):
    """The request id names an order of other lines."""

    reason = "REQUEST_ID_REUSED"
    message = "this request_id was used for a different order; use a new one"


class DeadlineSpent(DeadlineExceeded):
    """The deadline had passed before the work began, or passed while it waited."""

    reason = "DEADLINE_SPENT"
    message = "the deadline passed before the work was done"
