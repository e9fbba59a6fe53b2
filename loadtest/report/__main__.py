"""Render the report of a record that exists.

python -m loadtest.report build/compare/RUN
"""

import argparse
import sys
from collections.abc import Sequence

from loadtest.records import NoRecord, find_record
from loadtest.report import write
from loadtest.results import load_run


def main(argv: Sequence[str] | None = None) -> int:
    """Write report.html and report.md beside the record; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", help="a folder with results.json, that file, or a run's id")
    options = parser.parse_args(argv)
    try:
        record = find_record(options.run)
        page = write(load_run(record), record.parent)
    except (NoRecord, ValueError) as error:
        print(f"{options.run}: {error}", file=sys.stderr)
        return 2
    print(f"Report: {page}\n        {page.with_suffix('.md')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
