"""What a measurement found beside its figures, in sentences, the worst first."""

from collections.abc import Iterator

from loadtest.limits.asks import End
from loadtest.limits.derive import edge_name
from loadtest.limits.records import Limit, Measured, Refusal

HTTP2_ERRORS = {
    0: "NO_ERROR",
    1: "PROTOCOL_ERROR",
    2: "INTERNAL_ERROR",
    7: "REFUSED_STREAM",
    8: "CANCEL",
    9: "COMPRESSION_ERROR",
    11: "ENHANCE_YOUR_CALM",
}
"""RFC 9113, section 7."""

TEXT_CHARS = 60


def notes(measured: Measured) -> Iterator[str]:
    """Lines for one subject."""
    name = measured.name
    if measured.not_measured:
        yield f"{name}: not measured. {measured.not_measured}"
    yield from _worst(measured)
    for limit in measured.limits:
        yield from (f"{name}: {line}" for line in _of_limit(measured, limit))
    for view in measured.callers:
        yield f"{name}: {view.client} client, request of {view.refusal.at:,}: {seen(view.refusal)}"
    yield from (f"{name}: {what} is refused by {hop}" for what, hop in measured.refused_by)
    if measured.announced_list_bytes is not None:
        yield f"{name}: announces SETTINGS_MAX_HEADER_LIST_SIZE {measured.announced_list_bytes:,}"
    passed = measured.passed
    if passed is not None and passed.added:
        more = passed.seen_bytes - passed.sent_bytes
        names = ", ".join(one.name for one in passed.added)
        yield f"{name}: the next one sees {more:+,} header list bytes; added or replaced: {names}"


def seen(refusal: Refusal) -> str:
    """What the caller saw, in words."""
    parts = [_ended(refusal)]
    if refusal.text:
        parts.append(f"“{refusal.text[:TEXT_CHARS]}”")
    if refusal.held_ms > 50:
        parts.append(f"after {refusal.held_ms:,.0f} ms")
    if refusal.innocents_lost:
        parts.append(f"{refusal.innocents_lost} of {refusal.innocents} innocent calls lost")
    return ", ".join(parts)


def _ended(refusal: Refusal) -> str:
    error = HTTP2_ERRORS.get(refusal.error or 0, str(refusal.error))
    match refusal.end:
        case End.RESET:
            return f"RST_STREAM {error}"
        case End.GOAWAY:
            return f"GOAWAY {error}, connection lost"
        case End.CLOSED:
            return "connection closed without a word"
        case End.HUNG:
            return "hangs until its deadline"
        case End.DIED:
            return "the client's process dies"
        case _:
            return _answered(refusal)


def _answered(refusal: Refusal) -> str:
    if refusal.silently_altered:
        return "OK, and metadata is missing or cut"
    if refusal.grpc is not None:
        return f"grpc-status {refusal.grpc}"
    return f"HTTP {refusal.http} without a grpc-status"


def _worst(measured: Measured) -> Iterator[str]:
    """Hangs, deaths and silent loss deserve their own lines."""
    for limit in measured.limits:
        for refusal in limit.refusals:
            if refusal.silently_altered or refusal.end in (End.HUNG, End.DIED):
                what = f"{edge_name(limit)} of {refusal.at:,}: {seen(refusal)}"
                yield f"{measured.name}: WORST KIND, {what}"


def _of_limit(measured: Measured, limit: Limit) -> Iterator[str]:
    name = edge_name(limit)
    if limit.first or limit.huffman:
        plain = measured.limit(limit.direction, limit.shape)
        if plain is None or (plain.largest, plain.at_least) != (limit.largest, limit.at_least):
            before = f" instead of {plain.largest:,}" if plain else ""
            yield f"{name}: {'at least ' * limit.at_least}{limit.largest:,}{before}"
        return
    for refusal in limit.refusals:
        yield f"{name} of {refusal.at:,}: {seen(refusal)}"
    if limit.reopened is not None:
        yield f"{name}: {limit.reopened:,} passes again"
