"""Catalogues: made up, written to files, read from files, and taken in whole or not at all."""

import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from products_svc.bootstrap import field_rules
from products_svc.catalogue import files
from products_svc.catalogue.generate import (
    BadSpec,
    CatalogueSpec,
    generate_grants,
    generate_products,
)
from products_svc.catalogue.ids import CROCKFORD, IdKind, gtin_check_digit, product_ids
from products_svc.catalogue.load import BATCH, Loaded, Pace, load
from products_svc.catalogue.rows import ImportProblem
from products_svc.store import reads
from products_svc.store.database import Database
from products_svc.store.schema import prepare
from products_svc.store.values import Product, WantedGrant
from products_svc.store.writer import Writer
from shop.products.v1 import products_pb2 as pb
from waybill.testing import FakeClock

RULES = field_rules()
PRODUCT = '{"product_id": "a", "display_name": "A", "unit_price_micros": 5}'
SPECS = st.builds(
    CatalogueSpec,
    subjects=st.integers(0, 4),
    grants_per_subject=st.integers(0, 5),
    products=st.integers(5, 30),
    id_kind=st.sampled_from(IdKind),
    seed=st.integers(),
)


def new_writer(history: int = 1000) -> partial[Writer]:
    return partial(Writer, clock=FakeClock(), history_changes=history)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'products.db'}")
    prepare(database, FakeClock(), None)
    yield database
    database.close()


@settings(deadline=None)
@given(st.sampled_from(IdKind), st.integers(0, 200), st.integers())
def test_ids_are_distinct_valid_and_the_same_for_a_seed(
    kind: IdKind, count: int, seed: int
) -> None:
    ids = list(product_ids(kind, count, Random(seed)))
    assert len(set(ids)) == count
    assert ids == list(product_ids(kind, count, Random(seed)))
    for each in ids:
        RULES.check(pb.GetProductRequest(product_id=each))


@pytest.mark.parametrize("gtin", ["4006381333931", "5012345678900", "9780306406157"])
def test_known_gtins_have_their_check_digit(gtin: str) -> None:
    assert gtin_check_digit(gtin[:12]) == int(gtin[12])


def test_ids_look_like_their_kind() -> None:
    made = {kind: list(product_ids(kind, 50, Random(7))) for kind in IdKind}
    assert all(uuid.UUID(each).version == 4 for each in made[IdKind.UUID4])
    assert all(uuid.UUID(each).variant == uuid.RFC_4122 for each in made[IdKind.UUID4])
    ulids = made[IdKind.ULID]
    assert ulids == sorted(ulids)
    assert all(len(each) == 26 and set(each) <= set(CROCKFORD) for each in ulids)
    assert all(each[0] <= "7" for each in ulids), "128 bits"
    assert all(
        len(each) == 13 and gtin_check_digit(each[:12]) == int(each[12])
        for each in made[IdKind.GTIN13]
    )
    assert all(each.isdecimal() and len(each) == 7 for each in made[IdKind.INT])
    assert all(len(each) == 13 and each[3] == each[10] == "-" for each in made[IdKind.SKU])


@settings(deadline=None, max_examples=30)
@given(SPECS)
def test_a_generated_catalogue_survives_its_files(spec: CatalogueSpec) -> None:
    products, grants = list(generate_products(spec)), list(generate_grants(spec))
    assert len(products) == spec.products
    assert len({(each.subject, each.product_id) for each in grants}) == len(grants)
    assert len(grants) == spec.subjects * spec.grants_per_subject
    assert {each.product_id for each in grants} <= {each.product_id for each in products}
    with TemporaryDirectory() as folder:
        paths = Path(folder) / "products.jsonl", Path(folder) / "grants.csv"
        with paths[0].open("w", encoding="utf-8") as file:
            files.write_products(file, products)
        with paths[1].open("w", encoding="utf-8", newline="") as file:
            files.write_grants(file, grants)
        assert [each.row for each in files.read_products(paths[0], RULES)] == products
        assert [each.row for each in files.read_grants(paths[1], RULES)] == grants


@pytest.mark.parametrize(
    ("subjects", "grants_per_subject", "products"), [(1, 2, 1), (-1, 0, 1), (1, 1, -1), (1, -1, 1)]
)
def test_an_impossible_catalogue_is_refused(
    subjects: int, grants_per_subject: int, products: int
) -> None:
    with pytest.raises(BadSpec):
        CatalogueSpec(subjects, grants_per_subject, products)


def read_products(tmp_path: Path, data: bytes) -> list[Product]:
    path = tmp_path / "products.jsonl"
    path.write_bytes(data)
    return [each.row for each in files.read_products(path, RULES)]


def read_grants(tmp_path: Path, data: bytes) -> list[WantedGrant]:
    path = tmp_path / "grants.csv"
    path.write_bytes(data)
    return [each.row for each in files.read_grants(path, RULES)]


def test_products_may_have_a_mark_blank_lines_and_any_script(tmp_path: Path) -> None:
    line = '{"product_id": "b", "display_name": "Bürste 刷", "unit_price_micros": 0}'
    data = b"\xef\xbb\xbf" + f"{PRODUCT}\r\n\n{line}".encode()
    assert read_products(tmp_path, data) == [Product("a", "A", 5), Product("b", "Bürste 刷", 0)]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("[]", "not a JSON object; write one JSON object a line"),
        ("{", "not JSON"),
        ('{"product_id": "a", "product_id": "b"}', "duplicate key"),
        ('{"product_id": "a"}', "lacks display_name, unit_price_micros; write product_id"),
        (PRODUCT.replace("}", ', "x": 1}'), "has unknown 'x'; write product_id"),
        (PRODUCT.replace("5", "5.0"), "unit_price_micros is of the wrong type"),
        (PRODUCT.replace("5", "true"), "unit_price_micros is of the wrong type"),
        (PRODUCT.replace("5", "-1"), "unit_price_micros must be at least 0; correct the line"),
        (PRODUCT.replace("5", str(10**30)), "out of range"),
        (PRODUCT.replace('"a"', '"a b"'), "product_id must match"),
        (PRODUCT.replace('"A"', '""'), "display_name is required"),
        (PRODUCT.replace('"A"', '"a\\nb"'), "display_name must match"),
        (PRODUCT.replace('"A"', f'"{"x" * 70_000}"'), "the line is over 65536 bytes"),
    ],
)
def test_a_bad_product_is_told_with_its_line(tmp_path: Path, line: str, text: str) -> None:
    with pytest.raises(ImportProblem) as problem:
        read_products(tmp_path, f"{PRODUCT}\n\n{line}\n".encode())
    assert str(problem.value).startswith("products.jsonl:3: ")
    assert text in str(problem.value)


def test_grants_may_have_a_header_and_leave_out_the_end(tmp_path: Path) -> None:
    rows = b"subject,product_id\nalice,a\nalice,b,\n\nbob,a,3,\nbob,b,,7\n"
    wanted = [
        WantedGrant("alice", "a"),
        WantedGrant("alice", "b"),
        WantedGrant("bob", "a", 3),
        WantedGrant("bob", "b", 0, 7),
    ]
    assert read_grants(tmp_path, rows) == wanted
    assert read_grants(tmp_path, b"alice,a\n") == wanted[:1]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("alice", "has 1 values; write subject,product_id"),
        ("alice;a", "has 1 values"),
        ("alice,a,1,2,3", "has 5 values"),
        ("alice,a,many", "max_quantity is no whole number; write digits, or nothing"),
        ("alice,a,1.5", "max_quantity is no whole number"),
        ("alice,a,-1", "max_quantity is no whole number"),
        ("alice,a,\u0663", "max_quantity is no whole number"),
        ("alice,a,1000001", "max_quantity must be at most 1000000; correct the line"),
        ("alice,a,99999999999", "out of range"),
        ("alice,a,,9999999999999999999", "out of range"),
        ("al ice,a", "subject must match"),
        (",a", "subject is required"),
        ("alice,a b", "product_id must match"),
        ('"alice,a', "is no line of CSV"),
        ('"al"ice,a', "is no line of CSV"),
    ],
)
def test_a_bad_grant_is_told_with_its_line(tmp_path: Path, line: str, text: str) -> None:
    with pytest.raises(ImportProblem) as problem:
        read_grants(tmp_path, f"subject,product_id\nbob,a\n{line}\n".encode())
    assert str(problem.value).startswith("grants.csv:3: ")
    assert text in str(problem.value)


def test_what_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ImportProblem, match=r"grants\.csv:2: the line is not UTF-8"):
        read_grants(tmp_path, b"bob,a\nb\xe4rbel,a\n")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImportProblem, match=r"nowhere\.csv: cannot be read: No such file"):
        list(files.read_grants(tmp_path / "nowhere.csv", RULES))


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_file_is_read_or_refused(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        for read in (read_products, read_grants):
            try:
                rows = read(Path(folder), data)
            except ImportProblem as problem:
                assert str(problem).startswith(("products.jsonl:", "grants.csv:"))  # noqa: PT017
            else:
                assert len(rows) <= data.count(b"\n") + 1


def taken_in(
    database: Database,
    tmp_path: Path,
    products: str | None,
    grants: str | None,
    pace: Pace | None = None,
) -> Loaded:
    paths = tmp_path / "products.jsonl", tmp_path / "grants.csv"
    for path, text in zip(paths, (products, grants), strict=True):
        path.write_text(text or "")
    return load(
        database,
        new_writer(),
        files.read_products(paths[0], RULES),
        files.read_grants(paths[1], RULES),
        lambda _what, _count: None,
        pace or Pace(sleep=lambda _seconds: None),
    )


def test_an_import_adds_changes_and_is_seen_in_the_history(
    database: Database, tmp_path: Path
) -> None:
    first = taken_in(database, tmp_path, PRODUCT, "alice,a\nbob,a,2\n")
    assert first == Loaded(products=1, grants=2, changes=2, revision=2)
    again = taken_in(database, tmp_path, PRODUCT, "alice,a\nbob,a,3\ncarol,a,1\ncarol,a,2\n")
    assert (again.changes, again.revision) == (2, 4)
    with database.reading() as connection:
        history = reads.changes_after(connection, 2, 10)
    assert {(each.subject, each.grant.max_quantity) for each in history} == {
        ("bob", 3),
        ("carol", 2),
    }


def test_the_last_of_repeated_rows_counts_wherever_they_are(
    database: Database, tmp_path: Path
) -> None:
    others = "".join(f"user-{number},a\n" for number in range(BATCH))
    dearer = PRODUCT.replace("5", "6")
    found = taken_in(database, tmp_path, f"{PRODUCT}\n{dearer}", f"bob,a,1\n{others}bob,a,2\n")
    assert found == Loaded(products=2, grants=BATCH + 2, changes=BATCH + 1, revision=BATCH + 1)
    with database.reading() as connection:
        (bobs,) = reads.listing(connection, "bob", "", 10)[0].products
    assert (bobs.grant.max_quantity, bobs.grant.unit_price_micros) == (2, 6)


def test_others_write_between_the_pieces_of_an_import(database: Database, tmp_path: Path) -> None:
    seen: list[int] = []

    def write_meanwhile(_seconds: float) -> None:
        with database.writing() as connection:
            writer = new_writer()(connection)
            if writer.revision:
                writer.grant([WantedGrant(f"meanwhile-{writer.revision}", "a")])
            seen.append(writer.finish())

    rows = "".join(f"user-{number},a\n" for number in range(2 * BATCH + 1))
    pace = Pace(hold_s=0, sleep=write_meanwhile)
    found = taken_in(database, tmp_path, PRODUCT, rows, pace)
    assert found.changes == 2 * BATCH + 1
    assert seen[-3:] == [BATCH + 1, 2 * BATCH + 2, 2 * BATCH + 4]
    with database.reading() as connection:
        history = reads.changes_after(connection, seen[-1] - 1000, 2000)
    assert [each.revision for each in history] == list(range(seen[-1] - 999, seen[-1] + 1))


def test_an_import_that_is_cut_off_is_finished_by_the_same_import(
    database: Database, tmp_path: Path
) -> None:
    rows = "".join(f"user-{number},a\n" for number in range(2 * BATCH))

    def cut_off(_seconds: float) -> None:
        with database.reading() as connection:
            if reads.position(connection).revision:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        taken_in(database, tmp_path, PRODUCT, rows, Pace(hold_s=0, sleep=cut_off))
    found = taken_in(database, tmp_path, PRODUCT, rows)
    assert (found.changes, found.revision) == (BATCH, 2 * BATCH)


def test_an_import_with_a_wrong_row_changes_nothing(database: Database, tmp_path: Path) -> None:
    taken_in(database, tmp_path, PRODUCT, "alice,a\n")
    cheaper = PRODUCT.replace("5", "4").replace('"A"', '"B"')
    rows = "".join(f"user-{number},a\n" for number in range(1500))
    with pytest.raises(ImportProblem) as problem:
        taken_in(database, tmp_path, cheaper, f"{rows}bob,b\n")
    assert str(problem.value) == (
        "grants.csv:1501: product b is not in the catalogue; "
        "add it to the products file, or correct the line"
    )
    with database.reading() as connection:
        assert reads.position(connection).revision == 1
        assert reads.listing(connection, "user-0", "", 10)[0].products == ()
        (listed,) = reads.listing(connection, "alice", "", 10)[0].products
    assert listed.display_name == "A"
