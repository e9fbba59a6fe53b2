from pathlib import Path

import pytest

from loadtest.shop import Shop
from tests.e2e.client_page import PAGE, comparable, rendered


@pytest.mark.e2e
def test_the_page_says_what_the_commands_print(tmp_path: Path) -> None:
    """`python -m tests.e2e.client_page` refreshes the page."""
    page = PAGE.read_text("utf-8")
    with Shop(tmp_path) as shop:
        now = rendered(page, shop)
    assert comparable(now).splitlines() == comparable(page).splitlines()
