"""From measured thresholds to the rule behind them: what counts, and how much of it is allowed."""

from loadtest.limits.entries import PREFIX
from loadtest.limits.records import (
    MANY_ENTRIES,
    TOTAL_ENTRIES,
    Direction,
    Limit,
    Measured,
    RandomRegion,
    Shape,
)
from mesh.known import HeaderLimits, KnownLimits

HTTP2_OVERHEAD = 32
NAME_BYTES = len(PREFIX) + 5
UNLIMITED = -1


def known_limits(measured: Measured) -> KnownLimits:
    """What `mesh/limits.json` keeps of one subject."""
    directions = {}
    for direction in Direction:
        region = next((one for one in measured.regions if one.direction is direction), None)
        limits = region_limits(region) if region else header_limits(measured, direction)
        if limits is not None:
            directions[str(direction)] = limits
    kept = [one for one in measured.limits if not _wanders(measured, one)]
    return KnownLimits(
        version=measured.version,
        role=measured.role,
        directions=directions,
        edges={edge_name(one): UNLIMITED if one.at_least else one.largest for one in kept},
        random=tuple(edge_name(one) for one in kept if wobbles(measured, one.direction)),
    )


def _wanders(measured: Measured, limit: Limit) -> bool:
    """First calls at a server and random numbers of entries differ from run to run too much."""
    if limit.shape is Shape.COUNT:
        return wobbles(measured, limit.direction)
    return limit.first and measured.role == "server"


def wobbles(measured: Measured, direction: Direction) -> bool:
    """Whether chance or timing decides about a header of this direction, in any shape."""
    return any(one.random for one in measured.limits if one.direction is direction)


def edge_name(limit: Limit) -> str:
    """Such as `request single`, `request total first`."""
    manner = " first" * limit.first + " huffman" * limit.huffman
    return f"{limit.direction} {limit.shape}{manner}"


def region_limits(region: RandomRegion) -> HeaderLimits:
    """The soft limit is what passes for certain. Exact if refusals state it, else the estimate."""
    return HeaderLimits(
        total_bytes=region.stated_soft or region.fitted_soft,
        entry_bytes=HTTP2_OVERHEAD,
        refused_above=region.stated_hard or region.fitted_hard,
    )


def header_limits(measured: Measured, direction: Direction) -> HeaderLimits | None:
    """The rule that all thresholds of one direction obey; None if none was measured."""
    single, total = (measured.limit(direction, s) for s in (Shape.SINGLE, Shape.TOTAL))
    if single is None or total is None:
        return None
    overhead = entry_overhead(measured, direction)
    total_bytes = None if total.at_least else _counted(total, overhead)
    if total_bytes is not None and single.random:
        # The smallest of what passed always is what can be relied on.
        total_bytes = min(total_bytes, _counted(single, overhead))
    return HeaderLimits(
        total_bytes=total_bytes,
        entry_bytes=overhead,
        value_bytes=_value_limit(single, total_bytes, overhead),
        entries=_entries(measured, direction, total_bytes, overhead),
        refused_above=_never(total, overhead),
    )


def entry_overhead(measured: Measured, direction: Direction) -> int:
    """Bytes that an entry counts beside name and value: 32 for some, 0 or 8 for others.

    The same total over more entries leaves less for the values; what is missing beside the
    names is the overhead. Where there is no total limit, it is 32, the most cautious.
    """
    few, many = (measured.limit(direction, s) for s in (Shape.TOTAL, Shape.MANY))
    if few is None or many is None or few.at_least or many.at_least:
        return HTTP2_OVERHEAD
    entries = MANY_ENTRIES - TOTAL_ENTRIES
    missing = few.largest - many.largest - entries * NAME_BYTES
    return max(0, -(-missing // entries))


def _counted(limit: Limit, overhead: int) -> int:
    """The size of the largest header that passed, as the subject counts."""
    return limit.list_bytes - (HTTP2_OVERHEAD - overhead) * limit.list_entries


def _never(total: Limit, overhead: int) -> int | None:
    """Where nothing passes any more, if chance decides before."""
    if total.never_from is None:
        return None
    return _counted(total, overhead) + total.never_from - total.largest - 1


def _value_limit(single: Limit, total_bytes: int | None, overhead: int) -> int | None:
    """The limit of one value, unless the total is what stopped it."""
    if single.at_least or single.random:
        return None
    if total_bytes is not None and _counted(single, overhead) >= total_bytes:
        return None
    return single.largest


def _entries(
    measured: Measured, direction: Direction, total_bytes: int | None, overhead: int
) -> int | None:
    """The limit of entries; where timing decides, only one that is beyond doubt.

    Beyond doubt is a number that does not contradict the many entries that passed before, at a size
    that is clearly below the total.
    """
    count = measured.limit(direction, Shape.COUNT)
    if count is not None and wobbles(measured, direction):
        clearly_below = total_bytes is None or _counted(count, overhead) < 0.9 * total_bytes
        if count.largest < MANY_ENTRIES or not clearly_below:
            return None
    return _entry_limit(count, total_bytes, overhead)


def _entry_limit(count: Limit | None, total_bytes: int | None, overhead: int) -> int | None:
    """The limit of entries, unless the total is what stopped them."""
    if count is None or count.at_least or count.random:
        return None
    one_more = NAME_BYTES + 1 + overhead
    if total_bytes is not None and _counted(count, overhead) + one_more > total_bytes:
        return None
    return count.list_entries or count.largest
