"""The staleness experiment in the terminal."""
# ruff: noqa: RUF001 - the dash is meant

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.table import Table
from rich.text import Text

from loadtest.change.lanes import Clients
from loadtest.change.staleness.record import StalenessResult, StatedBounds, Times
from loadtest.colours import COLOURS

_COLUMNS = (
    "",
    "customers",
    "revoke to\np50",
    "refusal\np99",
    "ms\nmax",
    "grant to\np50",
    "accept\np99",
    "ms\nmax",
    "wrong\n‰",
    "oldest\nms",
    "bound\ns",
    "beyond",
)
_LEGEND = (
    "Times: from the acknowledgement to the answer of the first order that shows it for good.",
    "Who holds shows what it has until that no longer counts; who refreshes lists again after each",
    "refusal. Wrong: of a thousand orders for the product whose rights change. Oldest: how long a",
    "wrong decision must have been wrong, at most. Bound: least to most, by kind of change.",
    "Beyond: decisions that no stated bound allows, orders of strangers included.",
)


def staleness_parts(found: Sequence[StalenessResult]) -> Iterator[Table | Text]:
    """Titles, tables and notes; nothing where nothing was found."""
    if not found:
        return
    for revocation, group in groupby(found, key=lambda each: each.revocation):
        rows = list(group)
        yield Text(f"\n{_title(revocation, rows[0])}", style="bold")
        yield _table(rows)
    for line in _LEGEND:
        yield Text(line, style="dim")
    yield _verdict(found)


def _title(revocation: str, of: StalenessResult) -> str:
    until = "until it expires" if revocation == "expiry" else "until its subject loses something"
    return (
        f"staleness: {of.changes_per_s:,.0f} changes/s, {of.orders_per_s:,.0f} orders/s; "
        f"state that travels counts {until}"
    )


def _table(found: Sequence[StalenessResult]) -> Table:
    made = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for number, name in enumerate(_COLUMNS):
        made.add_column(name, justify="left" if number < 2 else "right")
    for each in found:
        made.add_row(*_cells(each), style=COLOURS.get(each.strategy, ""))
    return made


def _cells(each: StalenessResult) -> tuple[str, ...]:
    return (
        each.strategy,
        "–" if each.clients == Clients.CARRY_NOTHING else each.clients,
        *_three(each.revoke_to_refusal),
        *_three(each.grant_to_accept),
        f"{each.wrong_per_thousand:.0f}",
        _whole(each.wrong_age.max_ms),
        _bounds(each.bounds),
        str(each.broken),
    )


def _three(times: Times) -> tuple[str, ...]:
    return tuple(map(_whole, (times.p50_ms, times.p99_ms, times.max_ms)))


def _bounds(bounds: StatedBounds) -> str:
    seconds = (bounds.revoked_s, bounds.narrowed_s, bounds.granted_s, bounds.widened_s)
    least, most = min(seconds), max(seconds)
    return f"{least:g}" if least == most else f"{least:g}–{most:g}"


def _whole(milliseconds: float | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds:,.0f}"


def _verdict(found: Sequence[StalenessResult]) -> Text:
    decisions = sum(each.decisions for each in found)
    broken = sum(each.broken for each in found)
    served = sum(each.stranger_served for each in found)
    asked = sum(each.stranger_orders for each in found)
    return Text(
        f"{broken} of {decisions:,} decisions beyond a stated bound; "
        f"{served} of {asked:,} orders of strangers accepted.",
        style="red" if broken else "green",
    )
