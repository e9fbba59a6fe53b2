"""The staleness experiment in the terminal."""
# ruff: noqa: RUF001 - the dash is meant

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from loadtest.change.staleness.record import StalenessResult, Times
from loadtest.colours import COLOURS

_COLUMNS = (
    "",
    "customers",
    "revoke to refusal, ms\np50 / p99 / max",
    "grant to accept, ms\np50 / p99 / max",
    "wrong\n‰",
    "oldest\nms",
    "bound\ns",
    "beyond",
)
_LEGEND = (
    "Times: from the acknowledgement to the answer of the first order that shows it for good.",
    "Who holds shows what it has until that no longer counts; who refreshes lists again after each",
    "refusal. Wrong: of a thousand orders for the product whose rights change. Oldest: how long a",
    "wrong decision must have been wrong, at most. Bound: after a revocation. Beyond: decisions of",
    "any kind that no stated bound allows, those for strangers included.",
)


def staleness_parts(found: Sequence[StalenessResult]) -> Iterator[Table | Text]:
    """Title, table and notes; nothing where nothing was found."""
    if not found:
        return
    yield Text(f"\nstaleness: {_conditions(found)}", style="bold")
    yield _table(found)
    for line in _LEGEND:
        yield Text(line, style="dim")
    yield _verdict(found)


def _conditions(found: Sequence[StalenessResult]) -> str:
    phases = {(each.variant, each.changes_per_s, each.orders_per_s) for each in found}
    told = (f"{c:,.0f} changes/s, {o:,.0f} orders/s ({v})" for v, c, o in sorted(phases))
    return "; ".join(told)


def _table(found: Sequence[StalenessResult]) -> Table:
    made = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for number, name in enumerate(_COLUMNS):
        made.add_column(name, justify="left" if number < 2 else "right")
    for each in found:
        made.add_row(*_cells(each), style=COLOURS.get(each.strategy, ""))
    return made


def _cells(each: StalenessResult) -> tuple[str, ...]:
    variant = "" if each.variant == "expiry" else f", {each.variant}"
    return (
        each.strategy,
        f"{each.clients}{variant}",
        _three(each.revoke_to_refusal),
        _three(each.grant_to_accept),
        f"{each.wrong_per_thousand:.0f}",
        _whole(each.wrong_age.max_ms),
        f"{each.bounds.revoked_s:g}",
        str(each.broken),
    )


def _three(times: Times) -> str:
    return " / ".join(map(_whole, (times.p50_ms, times.p99_ms, times.max_ms)))


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
