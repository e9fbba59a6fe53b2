"""The durable list of orders against a model, and the store's face to the event loop."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DataError

from orders_svc.ledger import Ledger
from orders_svc.orders import NewOrder, Order, PlacedLine
from orders_svc.store import OrderStore
from tests.conftest import NewDatabase
from waybill.errors import OrderNotFound, RequestIdReused, StorageUnavailable
from waybill.testing import FakeClock

SUBJECTS = st.sampled_from(["alice", "bob", "Carol"])
REQUEST_IDS = st.sampled_from(["r1", "r2", "r3", "R1", "r-4"])
LINES = st.lists(
    st.builds(
        PlacedLine,
        product_id=st.sampled_from(["sku-1", "sku-2", "sku-3"]),
        quantity=st.integers(1, 1_000_000),
        unit_price_micros=st.none() | st.integers(0, 10**15),
        revision=st.integers(0, 2**63 - 1),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda line: line.product_id,
).map(tuple)
STRATEGIES = st.sampled_from(["metadata-jwt", "replica"])
NEW_ORDERS = st.builds(
    NewOrder, subject=SUBJECTS, request_id=REQUEST_IDS, strategy=STRATEGIES, lines=LINES
)


def order(subject: str = "alice", request_id: str = "r1", quantity: int = 1) -> NewOrder:
    return NewOrder(subject, request_id, "replica", (PlacedLine("sku-1", quantity, 5, 7),))


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database()


class LedgerAgainstModel(RuleBasedStateMachine):
    """Any mix of groups, repeats, reads and reopenings behaves as a dictionary would."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.clock = FakeClock()
        self.ledger = Ledger.open(url, clock=self.clock)
        self.model: dict[tuple[str, str], Order] = {}

    def teardown(self) -> None:
        self.ledger.close()

    @rule(group=st.lists(NEW_ORDERS, min_size=1, max_size=6))
    def append(self, group: list[NewOrder]) -> None:
        self.clock.advance(1)
        for new, outcome in zip(group, self.ledger.append(group), strict=True):
            first = self.model.get((new.subject, new.request_id))
            if isinstance(outcome, Exception):
                assert isinstance(outcome, RequestIdReused)
                assert first is not None
                assert _asked(first.lines) != _asked(new.lines)
            elif first is not None:
                assert outcome == first
                assert _asked(first.lines) == _asked(new.lines)
            else:
                assert (outcome.subject, outcome.request_id) == (new.subject, new.request_id)
                assert (outcome.lines, outcome.strategy) == (new.lines, new.strategy)
                assert outcome.create_time_us == int(self.clock.now * 1_000_000)
                self.model[new.subject, new.request_id] = outcome

    @rule(subject=SUBJECTS, request_id=REQUEST_IDS, lines=LINES)
    def recall(self, subject: str, request_id: str, lines: tuple[PlacedLine, ...]) -> None:
        new = NewOrder(subject, request_id, "replica", lines)
        first = self.model.get((subject, request_id))
        if first is not None and _asked(first.lines) != _asked(lines):
            with pytest.raises(RequestIdReused):
                self.ledger.recall(subject, request_id, new.fingerprint)
        else:
            assert self.ledger.recall(subject, request_id, new.fingerprint) == first

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = Ledger.open(self.url, clock=self.clock)

    @rule(subject=SUBJECTS, size=st.integers(1, 4))
    def page_through(self, subject: str, size: int) -> None:
        listed: list[Order] = []
        before = None
        while True:
            page = self.ledger.page(subject, size, before)
            assert len(page.orders) <= size
            listed += page.orders
            if (before := page.next_before) is None:
                break
        own = [kept for kept in self.model.values() if kept.subject == subject]
        assert listed == own[::-1]

    @rule(subject=SUBJECTS)
    def get_only_own(self, subject: str) -> None:
        for kept in self.model.values():
            if kept.subject == subject:
                assert self.ledger.get(subject, kept.order_id) == kept
            else:
                with pytest.raises(OrderNotFound):
                    self.ledger.get(subject, kept.order_id)

    @invariant()
    def order_ids_differ(self) -> None:
        assert len({kept.order_id for kept in self.model.values()}) == len(self.model)


def _asked(lines: tuple[PlacedLine, ...]) -> set[tuple[str, int]]:
    return {(line.product_id, line.quantity) for line in lines}


def test_a_ledger_behaves_as_a_dictionary(new_database: NewDatabase) -> None:
    run_state_machine_as_test(
        lambda: LedgerAgainstModel(new_database()),  # type: ignore[arg-type] # a factory will do
        settings=settings(max_examples=20, stateful_step_count=20, deadline=None),
    )


def test_the_order_of_lines_does_not_make_another_request() -> None:
    one, two = PlacedLine("a", 1, None, 1), PlacedLine("b", 2, 5, 2)
    assert (
        NewOrder("s", "r", "replica", (one, two)).fingerprint
        == NewOrder("s", "r", "metadata-jwt", (two, one)).fingerprint
    )


def test_a_name_is_never_cut_to_somebody_elses(url: str) -> None:
    ledger = Ledger.open(url)
    with suppress(DataError):  # SQLite has room for any length
        ledger.append([order("a" * 128 + "b")])
    assert ledger.page("a" * 128, 10, None).orders == ()
    ledger.close()


def test_a_listing_is_stable_while_orders_arrive(url: str) -> None:
    ledger = Ledger.open(url)
    ledger.append([order(request_id=f"r{i}") for i in range(4)])
    first = ledger.page("alice", 2, None)
    ledger.append([order(request_id="newer")])
    second = ledger.page("alice", 2, first.next_before)
    ids = [kept.request_id for kept in first.orders + second.orders]
    assert ids == ["r3", "r2", "r1", "r0"]
    assert second.next_before is None
    ledger.close()


def test_a_commit_is_on_disk_before_it_returns(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'orders.db'}")
    with ledger._engines.writer.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    ledger.close()


def test_no_statement_reads_more_than_it_answers(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'orders.db'}")
    plans: list[str] = []

    def explain(connection: Connection, *statement: Any) -> None:
        _cursor, sql, parameters, _context, many = statement
        if sql.split()[0] in {"INSERT", "SELECT"}:
            steps = connection.connection.cursor().execute(
                f"EXPLAIN QUERY PLAN {sql}", parameters[0] if many else parameters
            )
            plans.extend(detail for *_, detail in steps)

    for engine in (ledger._engines.writer, ledger._engines.reader):
        event.listen(engine, "before_cursor_execute", explain)
    (placed,) = ledger.append([order()])
    assert isinstance(placed, Order)
    ledger.append([order(), order(request_id="r2"), order(quantity=2)])
    ledger.recall("alice", "r1", order().fingerprint)
    ledger.get("alice", placed.order_id)
    ledger.page("alice", 1, ledger.page("alice", 1, None).next_before)
    assert len(plans) > 5
    assert [plan for plan in plans if "SCAN" in plan] == []
    ledger.close()


def test_two_processes_ledgers_agree_on_a_request_id(url: str) -> None:
    one, two = Ledger.open(url), Ledger.open(url)
    (first,) = one.append([order()])
    assert two.append([order()]) == [first]
    assert isinstance(two.append([order(quantity=2)])[0], RequestIdReused)
    one.close()
    two.close()


def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        Ledger.open(f"sqlite:///{tmp_path / 'missing' / 'orders.db'}")


def test_an_empty_database_is_refused_where_none_may_be_created(url: str) -> None:
    with pytest.raises(StorageUnavailable, match="ORDERS_DATABASE_CREATE"):
        Ledger.open(url, create=False)
    Ledger.open(url).close()
    ledger = Ledger.open(url, create=False)
    with ledger._engines.writer.begin() as connection:
        connection.execute(text("DROP TABLE order_lines"))
    ledger.close()
    with pytest.raises(StorageUnavailable, match="lacks the tables order_lines"):
        Ledger.open(url, create=False)


async def test_a_failing_database_fails_every_caller_and_the_store_recovers(
    url: str,
) -> None:
    store = OrderStore(Ledger.open(url))
    saboteur = Ledger.open(url)
    with saboteur._engines.writer.begin() as connection:
        connection.execute(text("ALTER TABLE order_lines RENAME TO hidden"))
    results = await asyncio.gather(
        *(store.place(order(request_id=f"r{i}")) for i in range(5)), return_exceptions=True
    )
    assert all(isinstance(result, StorageUnavailable) for result in results)
    with saboteur._engines.writer.begin() as connection:
        connection.execute(text("ALTER TABLE hidden RENAME TO order_lines"))
    placed = [await store.place(order(request_id=f"r{i}")) for i in range(5)]
    assert list((await store.page("alice", 10, None)).orders) == placed[::-1]
    saboteur.close()
    await store.close()


async def test_an_order_that_the_database_rejects_fails_alone(url: str) -> None:
    store = OrderStore(Ledger.open(url))
    orders = [order(request_id=f"r{i}") for i in range(3)]
    orders[1] = NewOrder("alice", "r1", "replica", (PlacedLine("sku-1", 1, 5, 2**64),))
    results = await asyncio.gather(*map(store.place, orders), return_exceptions=True)
    assert isinstance(results[1], OverflowError | DataError)  # the driver's words for too large
    assert list((await store.page("alice", 10, None)).orders) == [results[2], results[0]]
    await store.close()


@pytest.mark.parametrize("group_commit", [True, False])
async def test_concurrent_repeats_of_a_request_make_one_order(
    url: str, *, group_commit: bool
) -> None:
    store = OrderStore(Ledger.open(url), group_commit=group_commit)
    placed = await asyncio.gather(*(store.place(order(), 30) for _ in range(20)))
    assert len({kept.order_id for kept in placed}) == 1
    assert (await store.page("alice", 10, None)).orders == (placed[0],)
    assert await store.get("alice", placed[0].order_id) == placed[0]
    assert await store.recall("alice", "r1", order().fingerprint) == placed[0]
    await store.close()


async def test_health_tells_whether_the_database_answers(url: str) -> None:
    store = OrderStore(Ledger.open(url))
    assert await store.check() is None
    saboteur = Ledger.open(url)
    with saboteur._engines.writer.begin() as connection:
        connection.execute(text("ALTER TABLE orders RENAME TO hidden"))
    assert await store.check() == StorageUnavailable.message
    saboteur.close()
    await store.close()
