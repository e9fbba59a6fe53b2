"""The outage experiment in the terminal: one column for each fault, one row for each strategy."""
# ruff: noqa: RUF001 - the multiplication sign and the dash are meant

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from loadtest.change.outage.record import OutageResult, Phase
from loadtest.colours import COLOURS
from waybill.strategy import Strategy

_LEGEND = (
    "Share of the orders of customers who had listed before that was served while the cause lasted",
    "(a worker or the follower that was killed is started again by its parent: in the time after),",
    "and the time from its end to the first lasting success; – is none within the time line.",
    "×: calls that orders worked on for each order sent, tries again included, where over 1.05.",
    "Of two workers, the worse case. To list, a new customer needs products with every strategy.",
)
AMPLIFIED = 1.05


def outage_parts(found: Sequence[OutageResult]) -> Iterator[Table | Text]:
    """The table, its legend, what was refused, and what must not have happened."""
    if not found:
        return
    yield Text("\nOutage: orders served while a service is gone, and time to recover", style="bold")
    yield _table(found)
    for line in (*_LEGEND, *_asked(found), *_refused(found)):
        yield Text(line, style="dim")
    yield _verdict(found)


def _table(found: Sequence[OutageResult]) -> Table:
    made = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    made.add_column("", min_width=13)
    columns = list(dict.fromkeys(map(_column, found)))
    for target, fault in columns:
        made.add_column(f"{target}\n{fault}", justify="right", min_width=8, max_width=8)
    for strategy in dict.fromkeys(each.strategy for each in found):
        own = [each for each in found if each.strategy == strategy]
        cells = [_cell([e for e in own if _column(e) == column]) for column in columns]
        made.add_row(strategy, *cells, style=COLOURS.get(strategy, ""))
    return made


def _column(result: OutageResult) -> tuple[str, str]:
    """Workers share a column."""
    return result.target.partition("-")[0], result.fault


def _cell(results: Sequence[OutageResult]) -> str:
    """The worst of `results`."""
    shares = [share for each in results if (share := hit(each).share) is not None]
    slowest = max((_or_never(each.recovered_s) for each in results), default=math.inf)
    lines = [_percent(min(shares, default=None)), _seconds(slowest)]
    amplified = max((amplification(each) or 0 for each in results), default=0)
    return "\n".join([*lines, f"×{amplified:.2f}"] if amplified > AMPLIFIED else lines)


def _or_never(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds


def hit(result: OutageResult) -> Phase:
    """The phase that shows what a fault did: during, or where that is a moment, after."""
    return result.during if result.ended_s > result.began_s else result.after


def amplification(result: OutageResult) -> float | None:
    """Calls that orders worked on for each order sent since the fault began; None without any.

    What a paused service had not begun counts when it goes on, so both phases count together.
    """
    seen = (result.during.seen, result.after.seen)
    ordered = sum(each.ordered for each in seen)
    return sum(each.orders for each in seen) / ordered if ordered else None


def _asked(found: Sequence[OutageResult]) -> Iterator[str]:
    """How often products was asked by direct-call, before its own outage and from then on."""
    for each in found:
        since = (each.during.seen, each.after.seen)
        wanted = sum(seen.wanted for seen in since)
        if each.strategy == Strategy.DIRECT_CALL and each.target == "products" and wanted:
            before = each.before.seen.products / max(1, each.before.seen.wanted)
            after = sum(seen.products for seen in since) / wanted
            yield (
                f"products {each.fault}: it worked on {before:.2f} calls for each call of a "
                f"direct-call customer before, and on {after:.2f} since"
            )


def _percent(share: float | None) -> str:
    if share is None:
        return "–"
    return f"{100 * share:.0f} %" if share in {0.0, 1.0} else f"{100 * share:.1f} %"


def _seconds(seconds: float) -> str:
    return "–" if math.isinf(seconds) else f"{seconds:.1f} s"


def _refused(found: Sequence[OutageResult]) -> Iterator[str]:
    for each in found:
        refused = Counter(each.during.refused) + Counter(each.after.refused)
        if refused:
            texts = ", ".join(f"{many} {text}" for text, many in refused.items())
            yield f"{each.target} {each.fault}, {each.strategy}: {texts}"


def _verdict(found: Sequence[OutageResult]) -> Text:
    asked, served = sum(e.strangers for e in found), sum(e.strangers_served for e in found)
    text = f"Orders of somebody without any grant: {asked:,}, served: {served}"
    return Text(text, style="red" if served else "green")
