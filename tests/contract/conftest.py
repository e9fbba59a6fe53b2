"""Prints the declared exceptions at the end of each run."""

import pytest

from tests.contract.exceptions import table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("strategies: declared exceptions")
    for line in table():
        terminalreporter.write_line(line)
