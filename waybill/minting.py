"""The span under which state was issued, as the state itself tells it.

A reader's span links to it (OpenTelemetry's Link), so that traces show a dependency that no call
shows. The ids are part of what is signed: nobody but the issuer says them. They are for people who
look at traces, and nothing is decided by them; so ids of another form count as none, and never
refuse the state.
"""

import re
from typing import Final

from opentelemetry.trace import SpanContext, TraceFlags, get_current_span

CLAIM: Final = "traceparent"
"""The claim of a JWT: version 00 of W3C Trace Context's header of that name, section 3.2."""

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


def minting_span() -> SpanContext | None:
    """The current span, if it is sampled; None where nothing is traced.

    A span that is not sampled is not kept anywhere: a link to it would lead nowhere.
    """
    context = get_current_span().get_span_context()
    return context if context.is_valid and context.trace_flags.sampled else None


def ids_of(context: SpanContext | None) -> tuple[bytes, bytes]:
    """Trace id and span id, 16 and 8 bytes; both empty for None."""
    if context is None:
        return b"", b""
    trace_id, span_id = context.trace_id, context.span_id
    return trace_id.to_bytes(TRACE_ID_BYTES, "big"), span_id.to_bytes(SPAN_ID_BYTES, "big")


def from_ids(trace_id: bytes, span_id: bytes) -> SpanContext | None:
    """The span of these ids; None where they are none: empty, of another length, or all zero."""
    if len(trace_id) != TRACE_ID_BYTES or len(span_id) != SPAN_ID_BYTES:
        return None
    return _remote(int.from_bytes(trace_id, "big"), int.from_bytes(span_id, "big"))


def claims_of(context: SpanContext | None) -> dict[str, str]:
    """The claim of a JWT that tells `context`; no claim for None."""
    if context is None:
        return {}
    return {CLAIM: f"00-{context.trace_id:032x}-{context.span_id:016x}-01"}


def from_claim(value: object) -> SpanContext | None:
    """The span of a claim's value; None where it is absent or of another form."""
    match = _TRACEPARENT.fullmatch(value) if isinstance(value, str) else None
    return _remote(int(match[1], 16), int(match[2], 16)) if match else None


def _remote(trace_id: int, span_id: int) -> SpanContext | None:
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=_SAMPLED)
    return context if context.is_valid else None
