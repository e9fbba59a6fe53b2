"""The experiments under change in the terminal."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from loadtest.change.outage.show import outage_parts
from loadtest.change.record import UnderChange
from loadtest.change.rotation.show import rotation_parts
from loadtest.change.skew.show import skew_parts
from loadtest.change.staleness.show import staleness_parts


def parts(found: UnderChange) -> Iterator[Table | Text]:
    """A title, a table and its notes for each experiment that was run."""
    yield from staleness_parts(found.staleness)
    yield from outage_parts(found.outage)
    yield from skew_parts(found.skew)
    yield from rotation_parts(found.rotation)
