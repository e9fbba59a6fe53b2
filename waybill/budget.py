"""What state may weigh in metadata: as much as every hop of the path lets through for certain.

    budget = PathBudget(["grpcio client", "nginx", "grpcio server"])
    budget.check(entries)

The limits are measured (`waybill.hop_limits`). A hop counts in its own way: some add bytes for each
entry, some cap single values, some the number of entries. Where a hop refuses at random, the budget
ends where the randomness begins. State is not alone in a header, so a reserve is kept for the rest:
gRPC's own entries, the credential, and what each hop adds for those after it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from waybill.errors import StateTooLarge
from waybill.header_caps import Cap, Load, Measure, Use
from waybill.header_limits import Direction, HeaderLimits, HopLimits, Role
from waybill.hop_limits import HOPS
from waybill.metadata import HEADER_OVERHEAD_BYTES, Entry

DEFAULT_PATH: Final = ("grpcio client", "grpcio server")
"""No hop between the two: 7,168 bytes remain."""

RESERVE_BYTES: Final = 1024
"""Of a request, counted as header list (RFC 9113, section 6.5.2). gRPC for Python sends about 600
bytes beside state, and a credential of the development issuer takes about 400."""

ANSWER_RESERVE_BYTES: Final = 512
"""Of an answer's initial metadata. gRPC for Python sends about 180 bytes."""

RESERVE_ENTRIES: Final = 16
"""Pseudo headers, gRPC's own, credential, strategy and request id, for hops that count entries."""

BYTES_ADDED_BY_HOP: Final = 320
"""What a hop adds at most for the next: Caddy 267 bytes, Envoy 200, HAProxy and nginx none."""

ENTRIES_ADDED_BY_HOP: Final = 6
"""Caddy adds 5."""

WARN_FRACTION: Final = 0.8

BOTH_WAYS: Final = (Direction.REQUEST, Direction.INITIAL)
"""The way of state from its issuer by the client to its verifier."""

_ORDER: Final = (Role.CLIENT, Role.PATH, Role.SERVER)


OnWarning = Callable[[Use], None]


def silent(_use: Use) -> None:
    """Nobody wants the warnings."""


class Budget:
    """Refuses state before it is sent, and warns before it has to.

    Args:
        caps: all must hold; none is no limit.
        warn_fraction: the share of a cap from which on `on_warning` is called.
        on_warning: called at most once a check, each time: whoever gives it limits the rate.

    Raises:
        ValueError: `warn_fraction` is not above 0 and at most 1.
    """

    def __init__(
        self,
        caps: Iterable[Cap],
        *,
        warn_fraction: float = WARN_FRACTION,
        on_warning: OnWarning = silent,
    ) -> None:
        if not 0 < warn_fraction <= 1:
            raise ValueError("warn_fraction must be above 0 and at most 1")
        self._caps = tuple(caps)
        self._warn_fraction = warn_fraction
        self._on_warning = on_warning

    def check(self, entries: Sequence[Entry]) -> None:
        """Return if `entries` pass all along the path.

        Raises:
            StateTooLarge: they do not. Facts: `bytes` and `max_bytes` of the tightest cap, and for
                a path's its `hop`, the `direction` of the header, what is `counted` and the
                `directive` that raises it. Where entries are counted, `entries` and `max_entries`.
        """
        use = self.tightest(entries)
        if use is None:
            return
        if use.over:
            raise StateTooLarge(facts=use.facts)
        if use.share >= self._warn_fraction:
            self._on_warning(use)

    def tightest(self, entries: Sequence[Entry]) -> Use | None:
        """The cap of which `entries` use the largest share; None for no entries or no caps."""
        if not entries or not self._caps:
            return None
        load = Load.of(entries)
        return max((Use(cap, cap.found(load), load) for cap in self._caps), key=_share)

    @property
    def narrowest(self) -> Cap | None:
        """The cap that a single value of growing length meets first; None without one."""
        sized = [cap for cap in self._caps if cap.measure is not Measure.ENTRIES]
        return min(sized, key=lambda cap: cap.limit - cap.entry_bytes, default=None)


class PathBudget(Budget):
    """The budget of a path.

    Args:
        hops: names of `waybill.hop_limits.HOPS`. Hops between client and server in the order from
            caller to service; the same for both directions.
        reserve_bytes: kept free in a request, counted as header list.
        directions: the headers in which the state travels. An issuer's travels both ways.
        warn_fraction: see `Budget`.
        on_warning: see `Budget`.
        limits: what is known of each hop.

    Raises:
        ValueError: no hop is named, or one that is not known.
    """

    def __init__(
        self,
        hops: Sequence[str],
        *,
        reserve_bytes: int = RESERVE_BYTES,
        directions: Sequence[Direction] = (Direction.REQUEST,),
        warn_fraction: float = WARN_FRACTION,
        on_warning: OnWarning = silent,
        limits: Mapping[str, HopLimits] = HOPS,
    ) -> None:
        check_hops(hops, limits)
        reserves = {Direction.REQUEST: reserve_bytes}
        caps = (
            cap
            for direction in directions
            for cap in _path_caps(
                hops, direction, reserves.get(direction, ANSWER_RESERVE_BYTES), limits
            )
        )
        super().__init__(dict.fromkeys(caps), warn_fraction=warn_fraction, on_warning=on_warning)


def chosen_budget(
    hops: Sequence[str],
    max_bytes: int | None,
    *,
    reserve_bytes: int = RESERVE_BYTES,
    directions: Sequence[Direction] = (Direction.REQUEST,),
    on_warning: OnWarning = silent,
) -> Budget:
    """The budget of the settings: of the path, unless `max_bytes` says it by hand; 0 is no limit.

    Raises:
        ValueError: as `PathBudget`.
    """
    if max_bytes is not None:
        return Budget(fixed_caps(max_bytes), on_warning=on_warning)
    return PathBudget(
        hops, reserve_bytes=reserve_bytes, directions=directions, on_warning=on_warning
    )


def fixed_caps(max_bytes: int) -> tuple[Cap, ...]:
    """The caps of a budget set by hand, counted as header list; 0 is no limit."""
    if not max_bytes:
        return ()
    return (Cap(Measure.TOTAL, max_bytes, HEADER_OVERHEAD_BYTES),)


def check_hops(hops: Sequence[str], limits: Mapping[str, HopLimits] = HOPS) -> None:
    """Return if `hops` name a path.

    Raises:
        ValueError: they do not; with the names that are known.
    """
    unknown = [hop for hop in hops if hop not in limits]
    if unknown or not hops:
        wrong = f"no limits are known of {', '.join(map(repr, unknown))}" if unknown else "no hop"
        raise ValueError(f"{wrong}; known are {', '.join(limits)}")


def _path_caps(
    hops: Sequence[str], direction: Direction, reserve_bytes: int, limits: Mapping[str, HopLimits]
) -> Iterator[Cap]:
    """The caps of one direction: what hops add counts at those that come after them."""
    travelled = sorted(hops, key=lambda hop: _ORDER.index(limits[hop].role))
    passed = 0
    for hop in travelled if direction is Direction.REQUEST else reversed(travelled):
        header = limits[hop].of(direction)
        if header is not None:
            yield from _caps(hop, direction, header, _Reserve.after(passed, reserve_bytes))
        if limits[hop].role is Role.PATH:
            passed += 1 + hop.count("+")


class _Reserve(NamedTuple):
    entries: int
    list_bytes: int

    @classmethod
    def after(cls, passed: int, reserve_bytes: int) -> "_Reserve":
        return cls(
            RESERVE_ENTRIES + passed * ENTRIES_ADDED_BY_HOP,
            reserve_bytes + passed * BYTES_ADDED_BY_HOP,
        )

    def counted(self, entry_bytes: int) -> int:
        """Its bytes at a hop that counts so much for each entry; rather too many than too few."""
        return self.list_bytes + self.entries * max(0, entry_bytes - HEADER_OVERHEAD_BYTES)


def _caps(hop: str, direction: Direction, header: HeaderLimits, reserve: _Reserve) -> Iterator[Cap]:
    total, per_entry = header.certain_bytes, header.entry_bytes
    if total is not None:
        room = max(0, total - reserve.counted(per_entry))
        yield Cap(Measure.TOTAL, room, per_entry, hop, direction)
    if header.value_bytes is not None:
        yield Cap(Measure.VALUE, header.value_bytes, 0, hop, direction)
    if header.entries is not None:
        left = max(0, header.entries - reserve.entries)
        yield Cap(Measure.ENTRIES, left, 0, hop, direction)


def _share(use: Use) -> float:
    return use.share
