"""The rotation experiment in the terminal."""

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from loadtest.change.rotation.record import RotationResult
from loadtest.colours import COLOURS


def rotation_parts(found: Sequence[RotationResult]) -> Iterator[Table | Text]:
    """A row for each strategy, and what fetching keys came to."""
    if not found:
        return
    times = len(found[0].rotated_s)
    yield Text(f"\nRotation: orders while the signing key changes {times} times", style="bold")
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in ("", "orders", "failed", "unknown key", "served", "refused with"):
        made.add_column(name, justify="left" if name in {"", "refused with"} else "right")
    for each in found:
        cells = (each.wanted, sum(each.failed.values()), each.forged, each.forged_served)
        reasons = ", ".join(each.forged_refused)
        numbers = (f"{cell:,}" for cell in cells)
        made.add_row(each.strategy, *numbers, reasons, style=COLOURS.get(each.strategy, ""))
    yield made
    for each in found:
        if each.failed:
            yield Text(f"{each.strategy}: {_counts(each.failed)}", style="red")
    yield _fetches(found)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{many} {text}" for text, many in counts.items())


def _fetches(found: Sequence[RotationResult]) -> Text:
    many, most = sum(each.forged for each in found), max(each.most_in_30_s for each in found)
    text = f"{many:,} unknown key ids made orders look for keys at most {most} times in 30 s each"
    return Text(f"{text} for keys of state and of users", style="red" if most > 1 else "green")
