"""Finds the record of an earlier run by its folder or its id."""

from pathlib import Path

RESULTS = Path(__file__).resolve().parent.parent / "build" / "compare"
"""Where `make compare` keeps its records, each in a folder named by the run's id."""
RECORD = "results.json"


class NoRecord(Exception):
    """No record, or more than one, goes by that name."""


def find_record(name: str, results: Path = RESULTS) -> Path:
    """The record that `name` means: a file, a folder, a run's id or the beginning of one.

    Raises:
        NoRecord: with what to do instead.
    """
    path = Path(name)
    if path.is_file():
        return path
    if (path / RECORD).is_file():
        return path / RECORD
    found = sorted(results.glob(f"{path.name}*/{RECORD}")) if path.name == name else []
    if len(found) == 1:
        return found[0]
    known = ", ".join(record.parent.name for record in found or sorted(results.glob(f"*/{RECORD}")))
    reason = "more than one run is called so" if found else f"no {RECORD} there, and no such run"
    raise NoRecord(f"{reason}; there are: {known or 'none'}")
