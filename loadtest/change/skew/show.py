"""The skew experiment in the terminal: who reads whom, and failed orders of each roll."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from rich.table import Table
from rich.text import Text

from loadtest.change.skew.record import Meeting, Result, SkewResult
from loadtest.colours import COLOURS

_LEGEND = (
    "Version 1 cannot say a maximum quantity: it leaves such grants out, its readers refuse them;",
    "and it knows no price. Silently wrong would be an order that is accepted and should not be.",
    "A strict reader refuses each claim, field and version that it does not know. Readers first:",
    "orders reads v2 before products issues it and until products stops; producer first is the",
    "contrast. Each step restarts a process while customers order.",
)
_STYLES = {Result.WORKS: "green", Result.REFUSED: "yellow", Result.SILENTLY_WRONG: "red"}


def skew_parts(found: Sequence[SkewResult]) -> Iterator[Table | Text]:
    """The matrix, the rolls, and their legend."""
    if not found:
        return
    for strategies, meetings in _matrices(found):
        yield Text("\nSkew: what producers issue (down) and consumers read (across)", style="bold")
        yield Text(strategies, style="dim")
        yield _matrix(meetings)
    yield Text("\nSkew: orders that failed while versions were rolled up and back", style="bold")
    yield _rolls(found)
    for line in (*_LEGEND, *_steps(found)):
        yield Text(line, style="dim")


def _matrices(found: Sequence[SkewResult]) -> Iterator[tuple[str, Sequence[Meeting]]]:
    """One for all strategies that share it."""
    with_state = sorted((each for each in found if each.matrix), key=lambda e: _outcomes(e.matrix))
    for _, group in groupby(with_state, key=lambda each: _outcomes(each.matrix)):
        alike = list(group)
        yield ", ".join(each.strategy for each in alike), alike[0].matrix


def _outcomes(meetings: Sequence[Meeting]) -> list[str]:
    return [f"{each.result} {each.reasons}" for each in meetings]


def _matrix(meetings: Sequence[Meeting]) -> Table:
    made = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    made.add_column("", min_width=14)
    consumers = list(dict.fromkeys((each.reader, each.consumer) for each in meetings))
    for reader, versions in consumers:
        made.add_column(f"{reader}\n{versions}", min_width=15, max_width=16)
    for producer in dict.fromkeys(each.producer for each in meetings):
        row = {(e.reader, e.consumer): e for e in meetings if e.producer == producer}
        made.add_row(producer, *(_meeting(row[consumer]) for consumer in consumers))
    return made


def _meeting(meeting: Meeting) -> Text:
    reasons = [reason.partition(" ")[2].replace("_", " ").lower() for reason in meeting.reasons]
    return Text("\n".join([meeting.result, *reasons]), style=_STYLES[meeting.result])


def _rolls(found: Sequence[SkewResult]) -> Table:
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    made.add_column("", min_width=13)
    orders = list(dict.fromkeys(roll.order for each in found for roll in each.rolls))
    for order in orders:
        made.add_column(f"{order}\nfailed of wanted", justify="right")
    for each in (one for one in found if one.rolls):
        by_order = {roll.order: f"{roll.failed} of {roll.wanted:,}" for roll in each.rolls}
        cells = [by_order.get(order, "") for order in orders]
        made.add_row(each.strategy, *cells, style=COLOURS.get(each.strategy, ""))
    return made


def _steps(found: Sequence[SkewResult]) -> Iterator[str]:
    """The steps at which orders failed, with all strategies together."""
    failed: dict[str, dict[str, int]] = {}
    for each in found:
        for roll in each.rolls:
            for step in roll.steps:
                _add(failed.setdefault(f"{roll.order}, {step.name}", {}), step.failed)
    for name, codes in failed.items():
        if codes:
            yield f"{name}: {', '.join(f'{many} {text}' for text, many in codes.items())}"


def _add(sums: dict[str, int], more: Mapping[str, int]) -> None:
    for text, many in more.items():
        sums[text] = sums.get(text, 0) + many
