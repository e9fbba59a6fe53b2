"""What all tests share."""

import os
import secrets
from collections.abc import Iterator

import pytest
from hypothesis import settings

from loadtest.valkey import ValkeyServer
from tests.simulation.scratch import VARIABLE

# A busy machine must not fail a property: speed is measured by `make bench`, never in tests.
settings.register_profile("waybill", deadline=None)
settings.load_profile("waybill")

# One for the whole run: set before the processes of a distributed one begin, and inherited.
os.environ.setdefault(VARIABLE, str(secrets.randbelow(10**9)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The seed of the run, to play the same histories again; said also in a quiet run."""
    terminalreporter.write_line(f"seed of the played histories: {VARIABLE}={os.environ[VARIABLE]}")


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey server for all tests of this process; each test takes a key prefix of its own."""
    with ValkeyServer(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url
