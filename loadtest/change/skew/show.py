"""The skew experiment in the terminal: who reads whom, and failed orders of each roll."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.table import Table
from rich.text import Text

from loadtest.change.skew.record import Meeting, Result, SkewResult, Step
from loadtest.colours import COLOURS

_LEGEND = (
    "Version 1 cannot say a maximum quantity: it leaves such grants out, its readers refuse them;",
    "and it knows no price. Silently wrong would be an order that is accepted and should not be.",
    "A strict reader refuses each claim, field and version that it does not know. Readers first:",
    "orders reads v2 before products issues it and until products stops; producer first is the",
    "contrast. By restarts, each step starts a process anew. By traffic split, the mesh's edge",
    "sends a growing part of orders to one that reads v1 and v2.",
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
    yield Text("\nSkew: the same by step, all strategies together", style="bold")
    yield _steps(found)
    for line in _LEGEND:
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
    words = [meeting.result, *map(_in_words, meeting.reasons)]
    return Text("\n".join(words), style=_STYLES[meeting.result])


def _in_words(refusal: str) -> str:
    """The reason of a refusal, or its code where it has none."""
    code, _, reason = refusal.partition(" ")
    return (reason or code).replace("_", " ").lower()


def _rolls(found: Sequence[SkewResult]) -> Table:
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    made.add_column("", min_width=13)
    heads = {roll.title: f"{roll.order}\nby {roll.way}" for each in found for roll in each.rolls}
    for head in heads.values():
        made.add_column(f"{head}\nfailed of wanted", justify="right")
    for each in (one for one in found if one.rolls):
        by_title = {roll.title: f"{roll.failed} of {roll.wanted:,}" for roll in each.rolls}
        cells = [by_title.get(title, "") for title in heads]
        made.add_row(each.strategy, *cells, style=COLOURS.get(each.strategy, ""))
    return made


def _steps(found: Sequence[SkewResult]) -> Table:
    """Every step of a roll that lost orders; one row for a roll that lost none."""
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    rolls = [roll for each in found for roll in each.rolls]
    for title in dict.fromkeys(roll.title for roll in rolls):
        alike = [roll for roll in rolls if roll.title == title]
        if any(roll.failed for roll in alike):
            steps = zip(*(roll.steps for roll in alike), strict=True)
            rows = [_step(step[0].name, step) for step in steps]
        else:
            rows = [_step("all steps", [step for roll in alike for step in roll.steps])]
        for number, row in enumerate(rows):
            made.add_row("" if number else title, *row)
    return made


def _step(name: str, steps: Sequence[Step]) -> tuple[str, ...]:
    """What became of orders in `steps`: of one roll, or the same one of all strategies."""
    wanted = sum(step.wanted for step in steps)
    failed: Counter[str] = Counter()
    for step in steps:
        failed.update(step.failed)
    share = f"{failed.total() / wanted:.0%}" if wanted else ""
    counts = f"{failed.total()} of {wanted:,}"
    return name, counts, share, "\n".join(dict.fromkeys(map(_in_words, failed)))
