"""What tests of whole processes share."""

from pathlib import Path

import pytest

TIMEOUT_S = 180
"""A busy machine takes its time to start many processes; what hangs ends all the same."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test of this folder more time than tests in one process have; its own mark wins."""
    for item in items:
        here = item.path.is_relative_to(Path(__file__).parent)
        if here and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))
