"""What must be refused, with which code and reason, and which tests show it.

The table of docs/security.md is made of it: `python -m tests.refusals` writes it there. Tests are
named by file and function; where a file has a table of cases, by those of them that are meant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs/security.md"
BEGIN, END = "<!-- drawn from tests/refusals.py: begin -->", "<!-- drawn from it: end -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. Without a reason it is gRPC's own refusal, or none."""

    who: str
    what: str
    code: str
    reason: str
    tests: tuple[str, ...]
    cases: tuple[str, ...] = ()
    """Cases of the tables in the tests' files, each by how its name begins."""


GUARD = "integration/test_serving_guard.py::"
SERVER = "integration/test_serving_server.py::"
CASE = "contract/test_strategies.py::test_case"
JWT = "unit/test_jwt_rejects.py::"
JWT_STATE = JWT + "test_state_that_cannot_be_believed"
JWT_USER = JWT + "test_credentials_that_cannot_be_believed"
ENVELOPE = "unit/test_envelope_rejects.py::"
PROOF = "unit/test_page_proof_rejects.py::"
ORDERS = "integration/test_orders_service.py::"
PRODUCTS = "integration/test_products_service.py::"
WATCH = "integration/test_products_watch.py::"
FED = "integration/test_orders_reject_rows.py::"
REFERENCE = "unit/test_reference_reader.py::"
STORE = "integration/test_reference_services.py::"
WATERMARKS = "contract/test_revocation.py::"

UNAUTHENTICATED, DENIED = "UNAUTHENTICATED", "PERMISSION_DENIED"
UNAVAILABLE, EXHAUSTED = "UNAVAILABLE", "RESOURCE_EXHAUSTED"
INVALID, SUPERSEDED = "INVALID_ARGUMENT", "FAILED_PRECONDITION"

_ALL = (
    Row(
        *("all", "no credential; two `authorization` values; another scheme"),
        *(UNAUTHENTICATED, "CREDENTIAL_MISSING"),
        (GUARD + "test_refuses_without_one_good_credential",),
    ),
    Row(
        *("all", "a user's token that is forged, malformed, or another's"),
        *(UNAUTHENTICATED, "CREDENTIAL_INVALID"),
        (GUARD + "test_refuses_without_one_good_credential", JWT_USER),
    ),
    Row(
        *("all", "a user's token past its expiry", UNAUTHENTICATED, "CREDENTIAL_EXPIRED"),
        (JWT + "test_past_expiry",),
    ),
    Row(
        *("all", "a user's token over its byte budget", EXHAUSTED, "CREDENTIAL_TOO_LARGE"),
        (JWT + "test_over_the_byte_budget",),
    ),
    Row(
        *("all", "a method that needs a role, without it", DENIED, "ROLE_MISSING"),
        (GUARD + "test_refuses_without_the_role",),
    ),
    Row(
        *("all", "a strategy that the settings do not accept", DENIED, "STRATEGY_NOT_ACCEPTED"),
        (
            PRODUCTS + "test_a_strategy_outside_the_settings_is_refused",
            ORDERS + "test_a_call_chooses_one_accepted_strategy",
        ),
    ),
    Row(*("all", "product not granted", DENIED, "NOT_GRANTED"), (CASE,), ("not granted",)),
    Row(
        *("all", "subject of the state is not the caller", DENIED, "SUBJECT_MISMATCH"),
        *((CASE,), ("wrong subject",)),
    ),
    Row(
        *("all", "undecodable request", INVALID, "REQUEST_UNDECODABLE"),
        (GUARD + "test_refuses_what_is_no_message",),
    ),
    Row(
        *("all", "request that breaks its rules", INVALID, "INVALID_REQUEST"),
        (GUARD + "test_names_the_fields_that_break_their_rules",),
    ),
    Row(
        *("all", "message over the limit", EXHAUSTED, "MESSAGE_TOO_LARGE"),
        (GUARD + "test_refuses_messages_over_the_limit_and_far_over_it",),
    ),
    Row(
        *("all", "concurrency cap", EXHAUSTED, "TOO_MANY_CALLS"),
        (GUARD + "test_refuses_calls_over_the_cap_and_takes_them_again_below_it",),
    ),
    Row(
        *("all", "deadline spent before work", "DEADLINE_EXCEEDED", "DEADLINE_SPENT"),
        (GUARD + "test_a_deadline_that_is_spent_before_work_is_refused",),
    ),
    Row(
        *("all", "the service shuts down", UNAVAILABLE, "SHUTTING_DOWN"),
        (SERVER + "test_the_drain_lets_calls_finish_and_ends_streams",),
    ),
    Row(
        *("all", "no keys are loaded, of users or of state", UNAVAILABLE, "KEYS_UNAVAILABLE"),
        (
            PRODUCTS + "test_without_users_keys_it_does_not_serve",
            "integration/test_user_keys_over_http.py"
            "::test_before_the_first_set_nothing_can_be_known",
            "unit/test_state_readers.py::test_no_keys_means_cannot_know",
        ),
    ),
    Row(
        *("all", "the database does not answer", UNAVAILABLE, "STORAGE_UNAVAILABLE"),
        (
            PRODUCTS + "test_a_locked_database_is_unavailable_and_then_works_again",
            "unit/test_orders_store.py"
            "::test_a_failing_database_fails_every_caller_and_the_store_recovers",
        ),
    ),
    Row(
        *("all", "no client certificate, wrong CA (where mutual TLS is on)", UNAVAILABLE, ""),
        (SERVER + "test_mutual_tls_takes_only_clients_of_its_authority",),
    ),
    Row(
        *("all", "reflection where it is off; channelz", "UNIMPLEMENTED", ""),
        (
            SERVER + "test_reflection_is_there_by_default_and_unimplemented_when_off",
            SERVER + "test_what_is_not_offered_is_unimplemented",
        ),
    ),
    Row(
        *("orders", "a `request_id` again, for another order"),
        *("ALREADY_EXISTS", "REQUEST_ID_REUSED"),
        (ORDERS + "test_a_repeated_request_returns_the_first_order",),
    ),
    Row(
        *("orders", "an order that is nobody's, or somebody else's"),
        *("NOT_FOUND", "ORDER_NOT_FOUND"),
        (ORDERS + "test_orders_are_their_owners_alone",),
    ),
    Row(
        *("products", "an administrator names a product that is not there"),
        *("NOT_FOUND", "PRODUCT_NOT_FOUND"),
        (PRODUCTS + "test_an_administrator_learns_what_exists",),
    ),
    Row(
        *("all that carry", "no state", UNAUTHENTICATED, "STATE_MISSING"),
        (
            ORDERS + "test_state_is_refused_unless_it_is_the_callers_and_there",
            "unit/test_page_proof.py::test_nothing_carried",
            REFERENCE + "test_no_handle_is_missing_state",
        ),
    ),
    Row(
        *("all that carry", "past its expiry", UNAUTHENTICATED, "STATE_EXPIRED"),
        *((CASE,), ("expired",)),
    ),
    Row(
        *("all that carry", "a version that is not read"),
        *(UNAUTHENTICATED, "STATE_VERSION_UNSUPPORTED"),
        *((CASE,), ("newer version",)),
    ),
    Row(
        *("all that carry", "over the byte budget", EXHAUSTED, "STATE_TOO_LARGE"),
        *((CASE,), ("oversize",)),
    ),
    Row(
        *("all that carry", "a revision below the required one", SUPERSEDED, "STATE_SUPERSEDED"),
        *((CASE,), ("replayed revision",)),
    ),
    Row(
        *("all that carry", "with watermarks: the subject lost something since"),
        *(SUPERSEDED, "STATE_SUPERSEDED"),
        (WATERMARKS + "test_what_was_revoked_before_orders_started",),
    ),
    Row(
        *("all that carry", "with watermarks: a longer life than they are kept for"),
        *(UNAUTHENTICATED, "STATE_TOO_LONG_LIVED"),
        (WATERMARKS + "test_state_must_not_outlive_its_watermark",),
    ),
    Row(
        *("all that carry", "with watermarks: they are behind their bound"),
        *(UNAVAILABLE, "REVOCATIONS_UNKNOWN"),
        (WATERMARKS + "test_behind_its_bound",),
    ),
    Row(
        *("all that carry", "version 1, product with a maximum", DENIED, "NOT_GRANTED"),
        ("contract/test_register.py::test_every_producer_against_every_consumer",),
    ),
)


def _invalid(who: str, what: str, tests: tuple[str, ...], *cases: str) -> Row:
    """Not authentic: one reason and one message."""
    return Row(who, what, UNAUTHENTICATED, "STATE_INVALID", tests, cases)


_SIGNED = (
    _invalid(
        "metadata-jwt",
        "`none` in any case; HS256 with the public key as secret (PEM, JWK, DER, SSH); an "
        "algorithm that is not the key's",
        (JWT_STATE, JWT_USER, "unit/test_algorithm_confusion.py::test_tokens"),
        *("alg none", "alg nOnE", "alg NONE", "HS256 by pem", "HS256 by jwk", "HS256 by der"),
        *("HS256 by ssh", "alg ES256", "alg HS256 on"),
    ),
    _invalid(
        *("metadata-jwt", "a key for encryption (`use`, `key_ops`)"),
        (JWT + "test_a_key_that_is_not_for_signatures",),
    ),
    _invalid(
        "metadata-jwt",
        "`crit` unknown or empty; `b64`; embedded `jwk`, `jku`, `x5u`; `zip`; five-part JWE; JSON "
        "serialisation; no network call for any",
        (JWT_STATE, JWT_USER),
        *("crit unknown", "crit empty", "b64 false", "embedded jwk", "jku", "x5u", "zip"),
        *("five parts, a JWE", "JSON serialisation"),
    ),
    _invalid(
        "metadata-jwt",
        "`kid` missing, unknown, not a string, over 64 bytes, path traversal",
        (JWT_STATE, JWT_USER),
        *("kid missing", "kid unknown", "kid a number", "kid 65 bytes", "kid path traversal"),
    ),
    _invalid(
        "metadata-jwt",
        "wrong `typ`, `iss` or `aud`; `exp` missing, NaN, Infinity, string, bool or huge; `nbf` "
        "or `iat` in the future beyond leeway",
        (JWT_STATE, JWT_USER),
        *("typ JWT", "typ missing", "iss wrong", "aud wrong", "exp missing", "exp NaN"),
        *("exp Infinity", "exp a text", "exp true", "exp 5000 digits", "nbf in the future"),
        "iat in the future",
    ),
    _invalid(
        "metadata-jwt",
        "duplicate keys, BOM, UTF-16, lone surrogate, deep nesting, padding, white space",
        (JWT_STATE, JWT_USER),
        *("duplicate claim", "BOM before claims", "claims in utf-16", "lone surrogate"),
        *("nested 1,000", "padded", "space before", "new line inside"),
    ),
    Row(
        *("metadata-jwt", "over the path's budget: refused by issuer and client before sending"),
        *(EXHAUSTED, "STATE_TOO_LARGE"),
        (
            "integration/test_products_budget.py::test_by_default_7168_bytes_are_issued_and_no_more",
            "integration/test_client_api.py::test_what_is_not_sent_is_of_the_librarys_errors",
        ),
    ),
    _invalid(
        *("message-field", "a bit flipped at any byte"),
        (ENVELOPE + "test_a_bit_flipped_at_any_byte",),
    ),
    _invalid(
        *("message-field", "another payload type; another key; concatenated messages"),
        (
            ENVELOPE + "test_envelopes_that_cannot_be_believed",
            ENVELOPE + "test_two_envelopes_merged_by_protobuf",
        ),
        *("payload type of another", "another key", "payloads concatenated"),
    ),
    Row(
        *("message-field", "an older revision replayed below the required one"),
        *(SUPERSEDED, "STATE_SUPERSEDED"),
        (ENVELOPE + "test_replayed_below_the_minimum",),
    ),
    _invalid(
        "page-proof",
        "wrong root, place or size; truncated or extended path; a leaf presented as a node; "
        "another subject's leaf",
        (PROOF + "test_forgeries",),
        *("another root", "another place", "another size", "a truncated path"),
        *("an extended path", "a node as a leaf", "a leaf of another subject"),
    ),
)

_ASKED = (
    Row(
        *("replica", "gap, lag over the bound, cold start", UNAVAILABLE, "REPLICA_NOT_READY"),
        (
            FED + "test_replica_gap",
            FED + "test_replica_lag_over_the_bound",
            FED + "test_replica_cold_start",
        ),
    ),
    Row(
        *("replica", "the caller's revision is ahead: waits, then"),
        *(UNAVAILABLE, "REVISION_NOT_REACHED"),
        (FED + "test_replica_waits_for_the_callers_revision_and_then_refuses",),
    ),
    Row(
        *("replica", "resume below compaction, then a snapshot"),
        *("OUT_OF_RANGE", "HISTORY_COMPACTED"),
        (
            WATCH + "test_below_the_compacted_history_resuming_fails",
            FED + "test_replica_resumes_below_compaction",
        ),
    ),
    Row(
        *("replica", "duplicate, reordered or lower-epoch event: ignored and counted", "", ""),
        (
            FED + "test_replica_ignores_duplicates_and_lower_epochs",
            "unit/test_feed_steps.py::test_ignored",
        ),
    ),
    Row(
        *("replica", "a follower that does not read", UNAVAILABLE, "STREAM_STALLED"),
        (WATCH + "test_a_reader_that_stops_reading_is_given_up",),
    ),
    Row(
        *("direct-call", "upstream down or silent and no usable entry"),
        *(UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
        (FED + "test_direct_call_upstream_down", FED + "test_direct_call_upstream_silent"),
    ),
    Row(
        *("direct-call", "upstream denies", DENIED, "NOT_GRANTED"),
        (FED + "test_direct_call_upstream_denies",),
    ),
    Row(
        *("direct-call", "an answer below the caller's revision"),
        *(UNAVAILABLE, "REVISION_NOT_REACHED"),
        (FED + "test_direct_call_answer_below_the_callers_revision",),
    ),
    _invalid(
        *("reference", "unknown, expired, revoked, wrong audience: one message, the same work"),
        (REFERENCE + "test_dead_ends_look_alike_and_cost_the_same",),
    ),
    Row(
        *("reference", "store unreachable", UNAVAILABLE, "REFERENCE_STORE_UNAVAILABLE"),
        (STORE + "test_without_the_store_nothing_is_issued_and_nothing_granted",),
    ),
    Row(
        *("reference", "a revoke that the store did not take"),
        *(UNAVAILABLE, "REVOCATION_INCOMPLETE"),
        (STORE + "test_a_revoke_that_misses_the_store_is_not_acknowledged_until_it_is_repeated",),
    ),
)

ROWS = (*_ALL, *_SIGNED, *_ASKED)


def table() -> str:
    """The rows as a table in Markdown."""
    return "\n".join(_lines())


def drawn(page: str) -> str:
    """`page`, with what is between the markers drawn anew."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGE.name} lacks its markers: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def _lines() -> Iterator[str]:
    yield "| Strategy | Input | Code | Reason |"
    yield "|---|---|---|---|"
    for row in ROWS:
        who = f"`{row.who}`" if "-" in row.who or row.who in {"replica", "reference"} else row.who
        code, reason = (f"`{text}`" if text else "" for text in (row.code, row.reason))
        yield f"| {who} | {row.what} | {code} | {reason} |"


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text("utf-8")), "utf-8")
