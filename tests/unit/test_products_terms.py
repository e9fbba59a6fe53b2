"""From when on issued state counts its life."""

from pathlib import Path
from typing import Any

import pytest

from products_svc.bootstrap import open_database
from products_svc.issuing import AccessPage
from products_svc.store import reads
from products_svc.store.store import Store
from products_svc.terms import Terms
from tests.products_kit import Lab
from waybill.testing import FakeClock


@pytest.mark.parametrize(("asked_at", "begin"), [(None, 1000), (993.7, 993)])
def test_state_ages_from_the_reading_of_its_page(asked_at: float | None, begin: int) -> None:
    terms = Terms("products", "orders", 60, FakeClock(1000.5))
    state = terms.state(AccessPage("ann", (), 7, asked_at))
    assert (state.issue_time, state.expire_time) == (begin, begin + 60)


async def test_a_page_knows_from_when_on_it_may_be_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(tmp_path)
    before = lab.clock()
    listing = reads.listing

    def slowly(*arguments: Any) -> Any:
        lab.clock.advance(30)
        return listing(*arguments)

    monkeypatch.setattr(reads, "listing", slowly)
    store = Store(open_database(lab.settings(), lab.clock), lab.clock, 1000)
    try:
        page = await store.listing("ann", "", 10)
    finally:
        store.close()
    assert page.asked_at == before
