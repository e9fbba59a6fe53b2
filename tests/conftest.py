"""What all tests share."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from loadtest.valkey import ValkeyServer

# A busy machine must not fail a property: speed is measured by `make bench`, never in tests.
settings.register_profile("waybill", deadline=None)
settings.load_profile("waybill")


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey server for all tests of this process; each test takes a key prefix of its own."""
    with ValkeyServer(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url
