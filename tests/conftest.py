"""What tests of several kinds share."""

from collections.abc import Iterator

import pytest

from loadtest.valkey import ValkeyServer


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey server for all tests of this process; each test takes a key prefix of its own."""
    with ValkeyServer(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url
