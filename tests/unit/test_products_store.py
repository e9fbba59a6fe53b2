"""The store: pages, revisions, history, and several writers at once."""

import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from products_svc import paging
from products_svc.issuing import Grant
from products_svc.store import bulk, reads
from products_svc.store.bulk import COPIED
from products_svc.store.database import Database
from products_svc.store.schema import UnfitDatabase, prepare
from products_svc.store.snapshot import Snapshot
from products_svc.store.tables import products
from products_svc.store.values import ChangeKind, Product, WantedGrant
from products_svc.store.writer import UnknownProducts, Writer
from tests.conftest import NewDatabase
from waybill.errors import InvalidRequest, StorageUnavailable
from waybill.testing import FakeClock

PRODUCTS = [f"p{number}" for number in range(6)]
SUBJECTS = ["alice", "bob"]


def fresh(url: str, products: list[str] | None = None) -> Database:
    database = Database(url)
    prepare(database, FakeClock(), None)
    with database.writing() as connection:
        writer = Writer(connection, FakeClock(), 1000)
        writer.put_products([Product(each, each, 100) for each in products or PRODUCTS])
        writer.finish()
    return database


@pytest.fixture
def database(new_database: NewDatabase) -> Iterator[Database]:
    database = fresh(new_database())
    yield database
    database.close()


def grant(database: Database, *wanted: WantedGrant, history: int = 1000) -> int:
    with database.writing() as connection:
        writer = Writer(connection, FakeClock(), history)
        writer.grant(wanted)
        return writer.finish()


ODD = ["tab\there", "back\\slash", "\\N", "line\nbreak", "quote'\"", "\\.", "ü", ""]


def test_many_rows_at_once_are_stored_as_they_are(database: Database) -> None:
    """So many that PostgreSQL gets them by COPY, whose text format has characters of its own."""
    ids = [f"many-{number:04d}" for number in range(COPIED)]
    named = [Product(each, ODD[number % len(ODD)], number) for number, each in enumerate(ids)]
    with database.writing() as connection:
        writer = Writer(connection, FakeClock(), 1000)
        writer.put_products(named)
        writer.grant([WantedGrant("carol", each, 2) for each in ids])
        last = writer.finish()
    with database.reading() as connection:
        stored = connection.execute(select(products.c.product_id, products.c.display_name))
        names = {row.product_id: row.display_name for row in stored}
        found = reads.changes_after(connection, 0, 2 * COPIED)
    assert [names[each] for each in ids] == [product.display_name for product in named]
    assert [change.revision for change in found] == list(range(1, last + 1))
    assert [change.grant for change in found] == [
        Grant(each, 2, number) for number, each in enumerate(ids)
    ]
    assert all(change.nothing_lost for change in found)


def test_many_rows_of_which_one_is_known_leave_nothing_behind(database: Database) -> None:
    row = {"display_name": "x", "unit_price_micros": 1}
    rows = [row | {"product_id": f"new-{number}"} for number in range(COPIED)]
    with pytest.raises(IntegrityError), database.writing() as connection:
        bulk.add(connection, products, [*rows, row | {"product_id": PRODUCTS[0]}])
    with database.reading() as connection:
        assert reads.known_products(connection, {"new-0"})[0] == set()


@settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has a new database
)
@given(
    ids=st.sets(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,5}", fullmatch=True), max_size=12),
    sizes=st.lists(st.integers(1, 5), min_size=1),
)
def test_pages_of_any_sizes_add_up_to_the_whole_list(
    new_database: NewDatabase, ids: set[str], sizes: list[int]
) -> None:
    database = fresh(new_database(), [*sorted(ids), "unlisted"])
    grant(database, *(WantedGrant("alice", each) for each in ids))
    pages, token, turn = [], "", 0
    while True:
        with database.reading() as connection:
            after = paging.decode(token, "alice")
            size = sizes[turn % len(sizes)]
            page, _ = reads.listing(connection, "alice", after, size)
        assert len(page.products) == size or not page.more
        pages += [each.grant.product_id for each in page.products]
        if not page.more:
            break
        token, turn = paging.encode(pages[-1], "alice"), turn + 1
    database.close()
    assert pages == sorted(ids)


@given(st.text(st.characters().filter(str.isprintable), max_size=64), st.text(), st.text())
def test_a_page_token_holds_for_its_subject(last: str, subject: str, other: str) -> None:
    if not last:
        return
    token = paging.encode(last, subject)
    assert paging.decode(token, subject) == last
    if other != subject:
        with pytest.raises(InvalidRequest):
            paging.decode(token, other)


@given(st.text(st.characters(max_codepoint=127), min_size=1))
def test_any_other_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        paging.decode(token, "alice")
    assert list(refused.value.violations) == ["page_token"]


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [(3, 2, False), (0, 9, False), (2, 3, True), (2, 0, True), (3, 3, True), (0, 0, True)],
)
def test_a_change_of_a_grant_says_whether_anything_was_lost(
    database: Database, before: int, after: int, kept: bool
) -> None:
    grant(database, WantedGrant("alice", "p1", before, 5))
    grant(database, WantedGrant("alice", "p1", after, 7))
    with database.reading() as connection:
        made, changed = reads.changes_after(connection, 0, 10)
    assert made.nothing_lost, "it is new"
    assert changed.nothing_lost is kept


def test_of_changes_that_an_older_program_wrote_nobody_knows(new_database: NewDatabase) -> None:
    database = fresh(new_database())
    grant(database, WantedGrant("alice", "p1"))
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE changes DROP COLUMN nothing_lost"))
    prepare(database, FakeClock(), None)
    grant(database, WantedGrant("alice", "p2"))
    with database.reading() as connection:
        old, new = reads.changes_after(connection, 0, 10)
    assert (old.nothing_lost, new.nothing_lost) == (False, True)
    prepare(database, FakeClock(), None)
    database.close()


def test_changes_begin_before_the_oldest_that_is_recent_enough(database: Database) -> None:
    for product_id, committed_s in (("p1", 10.0), ("p2", 30.0), ("p3", 20.0), ("p4", 40.0)):
        with database.writing() as connection:
            writer = Writer(connection, lambda at=committed_s: at, 1000)  # type: ignore[misc]
            writer.grant([WantedGrant("alice", product_id)])
            writer.finish()
    with database.reading() as connection:
        begins = [
            reads.beginning(connection, int(since_s * 1e6))[0].revision
            for since_s in (5.0, 10.0, 20.0, 30.0, 35.0, 45.0)
        ]
        newest = reads.beginning(connection, 0)[0].newest
    assert (begins, newest) == ([0, 0, 1, 1, 3, 4], 4)


class History(RuleBasedStateMachine):
    """Grants, revocations and a model: the history replayed always gives the grants."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.database = fresh(url)
        self.model: dict[tuple[str, str], Grant] = {}
        self.revision = 0

    def teardown(self) -> None:
        self.database.close()

    @rule(
        subject=st.sampled_from(SUBJECTS),
        product_ids=st.sets(st.sampled_from(PRODUCTS), min_size=1),
        quantity=st.integers(0, 1),
        price=st.none() | st.just(7),
    )
    def give(self, subject: str, product_ids: set[str], quantity: int, price: int | None) -> None:
        wanted = {
            (subject, each): Grant(each, quantity, 100 if price is None else price)
            for each in product_ids
        }
        changed = sum(self.model.get(key) != value for key, value in wanted.items())
        self.model |= wanted
        revision = grant(
            self.database, *(WantedGrant(subject, each, quantity, price) for each in product_ids)
        )
        assert revision == self.revision + changed
        self.revision = revision

    @rule(
        subject=st.sampled_from(SUBJECTS),
        product_ids=st.sets(st.sampled_from(PRODUCTS), min_size=1),
    )
    def take(self, subject: str, product_ids: set[str]) -> None:
        with self.database.writing() as connection:
            writer = Writer(connection, FakeClock(), 1000)
            writer.revoke(subject, product_ids)
            revision = writer.finish()
        gone = [self.model.pop((subject, each), None) for each in product_ids]
        assert revision == self.revision + sum(each is not None for each in gone)
        self.revision = revision

    @invariant()
    def replay_gives_the_grants(self) -> None:
        with self.database.reading() as connection:
            history = reads.changes_after(connection, 0, 1000)
            position = reads.position(connection)
        assert [change.revision for change in history] == list(range(1, self.revision + 1))
        assert position.revision == self.revision
        replayed: dict[tuple[str, str], Grant] = {}
        for change in history:
            key = (change.subject, change.grant.product_id)
            if change.kind is ChangeKind.GRANTED:
                replayed[key] = change.grant
            else:
                del replayed[key]
        assert replayed == self.model
        assert copied(self.database) == self.model


def copied(database: Database) -> dict[tuple[str, str], Grant]:
    snapshot = Snapshot(database, 2)
    snapshot.start()
    pieces = iter(snapshot.next_piece, ())
    grants = {(each.subject, each.grant.product_id): each.grant for part in pieces for each in part}
    snapshot.close()
    return grants


def test_any_history_replayed_gives_the_grants(new_database: NewDatabase) -> None:
    run_state_machine_as_test(
        lambda: History(new_database()),  # type: ignore[arg-type] # a factory will do
        settings=settings(deadline=None, max_examples=10, stateful_step_count=15),
    )


def test_the_history_is_compacted(database: Database) -> None:
    for number in range(5):
        grant(database, WantedGrant(f"user-{number}", "p0"), history=3)
    with database.reading() as connection:
        assert reads.position(connection).floor == 2
        assert [c.revision for c in reads.changes_after(connection, 0, 10)] == [3, 4, 5]
    grant(database, WantedGrant("user-9", "p0"), history=100)
    with database.reading() as connection:
        assert reads.position(connection).floor == 2, "what is gone stays gone"


def test_unknown_products_change_nothing(database: Database) -> None:
    with pytest.raises(UnknownProducts) as unknown:
        grant(database, WantedGrant("alice", "p0"), WantedGrant("alice", "nope"))
    assert unknown.value.product_ids == {"nope"}
    assert not copied(database)


def test_a_later_catalogue_price_leaves_quotes_alone(database: Database) -> None:
    grant(database, WantedGrant("alice", "p0"))
    with database.writing() as connection:
        writer = Writer(connection, FakeClock(), 1000)
        writer.put_products([Product("p0", "New name", 999)])
        assert writer.finish() == 1, "a product is no change of a grant"
    with database.reading() as connection:
        (listed,) = reads.listing(connection, "alice", "", 10)[0].products
    assert (listed.display_name, listed.grant.unit_price_micros) == ("New name", 100)
    assert grant(database, WantedGrant("alice", "p0")) == 2, "granted anew, quoted anew"


def test_a_snapshot_is_of_one_revision_while_writers_go_on(database: Database) -> None:
    grant(database, *(WantedGrant("alice", each) for each in PRODUCTS))
    snapshot = Snapshot(database, 2)
    position = snapshot.start()
    seen = list(snapshot.next_piece())
    grant(database, WantedGrant("zoe", "p0"), WantedGrant("alice", "p5", 9))
    while piece := snapshot.next_piece():
        seen += piece
    snapshot.close()
    snapshot.close()
    assert position.revision == 6
    assert [(each.subject, each.grant.max_quantity) for each in seen] == [("alice", 0)] * 6


def test_a_closed_snapshot_ends_and_a_new_one_after_close_is_refused(database: Database) -> None:
    grant(database, *(WantedGrant("alice", each) for each in PRODUCTS))
    snapshot = Snapshot(database, 2)
    snapshot.start()
    snapshot.close()
    assert not snapshot.next_piece()
    late = Snapshot(database, 2)
    late.close()
    with pytest.raises(RuntimeError):
        late.start()


def test_a_recreated_database_has_a_higher_epoch(new_database: NewDatabase) -> None:
    epochs = []
    clock = FakeClock()
    for url in (new_database(), new_database()):
        database = Database(url)
        prepare(database, clock, None)
        prepare(database, FakeClock(1.0), None)
        with database.reading() as connection:
            epochs.append(reads.position(connection).epoch)
        database.close()
        clock.advance(0.002)
    assert epochs == [1_800_000_000_000, 1_800_000_000_002]


def test_a_database_of_another_currency_or_schema_is_refused(new_database: NewDatabase) -> None:
    database = Database(new_database())
    prepare(database, FakeClock(), "CHF")
    prepare(database, FakeClock(), None)
    with pytest.raises(UnfitDatabase, match="CHF"):
        prepare(database, FakeClock(), "EUR")
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE meta SET schema_version = 99")
    with pytest.raises(UnfitDatabase, match="schema version 99"):
        prepare(database, FakeClock(), None)
    database.close()


def test_what_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "products.db").write_text("This is no database, but long enough. " * 100)
    database = Database(f"sqlite:///{tmp_path / 'products.db'}")
    with pytest.raises(StorageUnavailable):
        prepare(database, FakeClock(), None)
    database.close()


def test_sqlite_commits_are_durable_and_the_log_is_shared(tmp_path: Path) -> None:
    database = fresh(f"sqlite:///{tmp_path / 'products.db'}")
    with database.reading() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]
    database.close()


def write_many(url: str, name: str, count: int) -> None:
    database = Database(url, busy_timeout_s=30)
    for number in range(count):
        grant(
            database, WantedGrant(f"{name}-{number}", "p0"), WantedGrant(f"{name}-{number}", "p1")
        )
    database.close()


def test_writers_of_several_processes_never_collide(new_database: NewDatabase) -> None:
    url = new_database()
    fresh(url).close()
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write_many, args=(url, f"w{n}", 20)) for n in range(3)]
    for writer in writers:
        writer.start()
    database = Database(url)
    seen: list[int] = []
    deadline = time.monotonic() + 50
    while len(seen) < 120 and time.monotonic() < deadline:
        with database.reading() as connection:
            seen += [c.revision for c in reads.changes_after(connection, len(seen), 1000)]
    for writer in writers:
        writer.join(30)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert seen == list(range(1, 121)), "gapless, in order, each once, as seen while it grows"
    database.close()
