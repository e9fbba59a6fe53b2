"""The experiments under change in the terminal."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from loadtest.change.outage.show import outage_parts
from loadtest.change.record import UnderChange


def parts(found: UnderChange) -> Iterator[Table | Text]:
    """A title, a table and its notes for each experiment that was run."""
    yield from outage_parts(found.outage)
