"""Figures of section 5 about what is changed on purpose: versions rolled, keys rotated."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from loadtest.change.rotation.record import RotationResult
from loadtest.change.skew.record import Roll, Way
from loadtest.report import tables
from loadtest.report.figures import Figure
from loadtest.report.numbers import NOTHING, percent
from loadtest.report.points import Findings
from loadtest.report.ribbons import Moment, Ribbon, RibbonChart, parts_of, time_axis
from loadtest.report.tables import Entry, Table, Tone, table

_Rolls = Sequence[tuple[str, Roll]]
"""Strategies, each with one of its rolls."""
_WAYS = {
    Way.RESTARTS: "By restarts, two instances of orders and products start anew one by one.",
    Way.SPLIT: "By traffic split, orders that reads both versions runs beside orders that reads "
    "version 1, the mesh's edge sends it a growing part of all orders, and only products starts "
    "anew.",
}


def counts(refused: Mapping[str, int]) -> str:
    """What was refused, by code and reason; a dash for nothing."""
    return ", ".join(f"{many:,} {text}" for text, many in refused.items()) or NOTHING


def failed(many: int) -> Entry:
    """A count of what should not have been."""
    return Entry(f"{many:,}", many, tone=Tone.BAD if many else Tone.GOOD)


def rolls(findings: Findings) -> Figure | None:
    """Orders while services were rolled from one version to the other and back."""
    found = [
        (row, roll)
        for row in findings.strategies
        for each in findings.run.under_change.skew
        if each.strategy == row
        for roll in each.rolls
    ]
    if not found:
        return None
    titles = dict.fromkeys(roll.title for _, roll in found)
    ways = dict.fromkeys(roll.way for _, roll in found)
    return Figure(
        "rolls",
        "Versions rolled up and back",
        "Share of orders served while orders and products change to other versions of the state, "
        "and customers list anew all the time. "
        + " ".join((*(_WAYS[way] for way in ways), *(_steps_in_words(t, found) for t in titles))),
        [_rolls_chart([each for each in found if each[1].title == title]) for title in titles],
        _rolls_table(found),
    )


def _steps_in_words(title: str, found: _Rolls) -> str:
    roll = next(roll for _, roll in found if roll.title == title)
    steps = "; ".join(f"({number}) {step.name}" for number, step in enumerate(roll.steps, 1))
    return f"{title.capitalize()}: {steps}."


def _rolls_chart(found: _Rolls) -> RibbonChart:
    _, first = found[0]
    ribbons = [_roll_ribbon(row, roll) for row, roll in found]
    return RibbonChart(
        f"Share of orders served over time, {first.title}",
        time_axis(f"seconds, {first.title}", ribbons),
        ribbons,
        [Moment(step.at_s, str(number)) for number, step in enumerate(first.steps, 1)],
        ("served",),
    )


def _roll_ribbon(row: str, roll: Roll) -> Ribbon:
    served = percent(1 - roll.failed / roll.wanted) if roll.wanted else NOTHING
    words = f"{roll.failed:,} of {roll.wanted:,} orders failed, {roll.title}"
    return Ribbon(row, parts_of(roll.timeline), (served,), words)


def _rolls_table(found: _Rolls) -> Table:
    rows = [
        (
            tables.name(row),
            Entry(roll.title),
            Entry(f"{number} {step.name}", number),
            tables.whole(step.wanted),
            failed(sum(step.failed.values())),
            tables.percent(sum(step.failed.values()) / step.wanted if step.wanted else None),
            Entry(counts(step.failed)),
        )
        for row, roll in found
        for number, step in enumerate(roll.steps, 1)
    ]
    titles = ("Strategy", "Order of steps", "Step", "Orders", "Failed", "Share", "Refused with")
    return table("Orders from each step to the next", titles, rows)


def rotation(findings: Findings) -> Figure | None:
    """Orders while the signing key changes."""
    found = list(_rotated(findings))
    if not found:
        return None
    ribbons = [_rotation_ribbon(each) for each in found]
    chart = RibbonChart(
        "Share of orders served over time, with the signing key changed",
        time_axis("seconds", ribbons),
        ribbons,
        [Moment(at, str(number)) for number, at in enumerate(found[0].rotated_s, 2)],
        ("served",),
    )
    return Figure(
        "rotation",
        "Signing keys changed",
        "Share of orders served while the signing key changes, at each mark to that key. "
        + _looks(found),
        [chart],
        _rotation_table(found),
    )


def _looks(found: Sequence[RotationResult]) -> str:
    many = sum(each.cause == "missing-key" for each in found[0].fetches)
    return (
        f"All the while somebody names keys that nobody has, {sum(e.forged for e in found):,} "
        f"times in all. For these, orders looked for new keys {many} times, at most "
        f"{found[0].most_in_30_s} in any 30 s for each kind of key."
    )


def _rotated(findings: Findings) -> Iterator[RotationResult]:
    for row in findings.strategies:
        yield from (e for e in findings.run.under_change.rotation if e.strategy == row)


def _rotation_ribbon(each: RotationResult) -> Ribbon:
    many = sum(each.failed.values())
    served = percent(1 - many / each.wanted) if each.wanted else NOTHING
    words = f"{many:,} of {each.wanted:,} orders failed"
    return Ribbon(each.strategy, parts_of(each.timeline), (served,), words)


def _rotation_table(found: Sequence[RotationResult]) -> Table:
    rows = [
        (
            tables.name(each.strategy),
            tables.whole(each.wanted),
            failed(sum(each.failed.values())),
            Entry(counts(Counter(each.failed))),
            tables.whole(each.forged),
            failed(each.forged_served),
            Entry(counts(each.forged_refused)),
        )
        for each in found
    ]
    titles = ("Strategy", "Orders", "Failed", "Refused with", "Of unknown keys", "Served")
    return table("Orders while keys change", (*titles, "Those refused with"), rows)


FIGURES = (rolls, rotation)
