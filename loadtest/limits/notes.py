"""What a measurement found beside its figures, in sentences, the worst first."""

from collections.abc import Iterator

from loadtest.limits.asks import End
from loadtest.limits.derive import edge_name
from loadtest.limits.records import Limit, Measured, Refusal, Shape

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
HELD_MS = 50
TERSE_CALLER = "grpcio"


def notes(measured: Measured, *, verbose: bool = False) -> Iterator[str]:
    """Lines for one subject. Terse ones leave out what only varies a theme."""
    if measured.not_measured:
        yield f"not measured: {measured.not_measured}"
    yield from _worst(measured)
    for limit in measured.limits:
        if verbose or limit.shape is Shape.SINGLE:
            yield from _of_limit(measured, limit)
    yield from _callers(measured, verbose=verbose)
    yield from _refusers(measured)
    if measured.announced_list_bytes is not None:
        yield f"announces SETTINGS_MAX_HEADER_LIST_SIZE {measured.announced_list_bytes:,}"
    yield from _added(measured)


def seen(refusal: Refusal) -> str:
    """What the caller saw, in words."""
    parts = [_ended(refusal)]
    if refusal.text:
        parts.append(f"“{refusal.text[:TEXT_CHARS]}”")
    if refusal.held_ms > HELD_MS:
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
            return "no answer within the deadline"
        case End.DIED:
            return "the client's process dies"
        case _:
            return _answered(refusal)


def _answered(refusal: Refusal) -> str:
    if refusal.silently_altered:
        return "OK, and metadata is missing or cut"
    if refusal.grpc is not None:
        return "OK" if refusal.grpc == 0 else f"grpc-status {refusal.grpc}"
    if refusal.http == 200:
        return "HTTP 200, and the trailers with the grpc-status are gone"
    return f"HTTP {refusal.http} without a grpc-status"


def _worst(measured: Measured) -> Iterator[str]:
    """Hangs, deaths and silent loss deserve their own lines."""
    for limit in measured.limits:
        for refusal in limit.refusals:
            if refusal.silently_altered or refusal.end in (End.HUNG, End.DIED):
                yield f"WORST KIND: {edge_name(limit)} of {refusal.at:,}: {seen(refusal)}"


def _of_limit(measured: Measured, limit: Limit) -> Iterator[str]:
    name = edge_name(limit)
    if limit.first or limit.huffman:
        yield from _variant(measured, limit)
        return
    for refusal in limit.refusals:
        passed_by_chance = refusal.grpc == 0 and not refusal.silently_altered
        if refusal.end is not End.HUNG and not passed_by_chance:
            yield f"{name} of {refusal.at:,}: {seen(refusal)}"
    if limit.reopened is not None:
        yield f"{name}: {limit.reopened:,} passes again"


def _variant(measured: Measured, limit: Limit) -> Iterator[str]:
    """A first call, or a Huffman-coding client, where it makes a difference."""
    plain = measured.limit(limit.direction, limit.shape)
    if plain is not None:
        known_least = limit.at_least and limit.largest <= plain.largest
        if known_least or (plain.largest, plain.at_least) == (limit.largest, limit.at_least):
            return
    before = f" instead of {plain.largest:,}" if plain else ""
    yield f"{edge_name(limit)}: {'at least ' * limit.at_least}{limit.largest:,}{before}"


def _callers(measured: Measured, *, verbose: bool) -> Iterator[str]:
    for view in measured.callers:
        if verbose or view.client == TERSE_CALLER:
            yield f"a {view.client} client's request of {view.refusal.at:,}: {seen(view.refusal)}"


def _refusers(measured: Measured) -> Iterator[str]:
    """Which hop of a chain refuses, one line for each hop."""
    hops = dict.fromkeys(hop for _, hop in measured.refused_by)
    for hop in hops:
        yield f"{hop} refuses {', '.join(what for what, who in measured.refused_by if who == hop)}"


def _added(measured: Measured) -> Iterator[str]:
    passed = measured.passed
    if passed is not None and passed.added:
        more = passed.seen_bytes - passed.sent_bytes
        names = ", ".join(one.name for one in passed.added)
        yield f"the next one sees {more:+,} bytes of header list; added or replaced: {names}"
