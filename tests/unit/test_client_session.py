import stat
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client.carriers.base import KeptPage
from client.private_file import read_private, write_private
from client.session import Session, SessionBook
from client.session_file import SessionFile, SessionFileError
from client.session_format import decode_book, encode_book
from waybill.strategy import Strategy
from waybill.v1.envelope_pb2 import Envelope, Signature
from waybill.values import CarriedState

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
SUBJECTS = st.text(st.sampled_from("abc"), min_size=1, max_size=2)
ASCII = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12)
ENTRIES = st.one_of(
    st.tuples(st.sampled_from(["waybill-state-v1", "waybill-state-v2"]), ASCII),
    st.tuples(st.just("waybill-proof-bin"), st.binary(max_size=20)),
)
ENVELOPES = st.builds(
    Envelope,
    payload_type=TEXT,
    payload=st.binary(max_size=30),
    signatures=st.lists(st.builds(Signature, key_id=TEXT, signature=st.binary()), max_size=2),
)
PAGES = st.builds(
    KeptPage,
    product_ids=st.frozensets(TEXT, max_size=4),
    revision=st.integers(0, 2**63 - 1),
    carried=st.builds(
        CarriedState,
        metadata=st.lists(ENTRIES, max_size=3).map(tuple),
        envelopes=st.lists(ENVELOPES, max_size=2).map(tuple),
    ),
)
SESSIONS = st.builds(
    Session,
    subject=SUBJECTS,
    token=ASCII,
    expire_time=st.integers(0, 2**40),
    roles=st.lists(st.sampled_from(["admin", "service"]), unique=True).map(tuple),
    pages=st.dictionaries(st.sampled_from(Strategy), st.lists(PAGES, max_size=3).map(tuple)),
)
BOOKS = st.lists(SESSIONS, max_size=3, unique_by=lambda session: session.subject).flatmap(
    lambda sessions: st.builds(
        SessionBook,
        current=st.sampled_from([None, *(session.subject for session in sessions)]),
        sessions=st.just({session.subject: session for session in sessions}),
    )
)
ALICE = Session(subject="alice", token="secret-token", expire_time=1_800_003_600)


def page(*products: str, revision: int = 1, mark: str = "") -> KeptPage:
    carried = CarriedState(metadata=(("waybill-state-v1", mark or "-".join(products)),))
    return KeptPage(frozenset(products), revision, carried)


def put(path: Path, content: bytes) -> None:
    """Any bytes, private."""
    path.write_bytes(content)
    path.chmod(0o600)


@given(BOOKS)
def test_what_is_written_is_read_back(book: SessionBook) -> None:
    assert decode_book(encode_book(book).encode()) == book


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BOOKS, st.data())
def test_a_damaged_file_is_said_to_be_damaged_and_kept(
    tmp_path: Path, book: SessionBook, data: st.DataObject
) -> None:
    content = bytearray(encode_book(book).encode())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    store = SessionFile(tmp_path)
    put(store.path, bytes(content))
    with suppress(SessionFileError):
        store.read()
    assert store.path.read_bytes() == content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b'{"version":true}',
        b'{"version":0}',
        b'{"version":1}',
        b'{"version":1,"current":1,"sessions":[]}',
        b'{"version":1,"current":null,"sessions":[{"subject":"a"}]}',
        b'{"version":1,"current":null,"sessions":[],"more":1}',
        b'{"version":1,"current":null,"sessions":[{"subject":"a","token":"a\\n","expire_time":1}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_session_is_refused_with_advice(tmp_path: Path, content: bytes) -> None:
    store = SessionFile(tmp_path)
    put(store.path, content)
    with pytest.raises(SessionFileError, match="is damaged") as caught:
        store.read()
    assert f"mv {store.path}" in caught.value.advice
    with pytest.raises(SessionFileError):
        store.update(lambda book: book.logged_in(ALICE))
    assert store.path.read_bytes() == content


def test_a_newer_file_is_left_for_the_newer_client(tmp_path: Path) -> None:
    store = SessionFile(tmp_path)
    content = b'{"version":2,"anything":["else"]}'
    put(store.path, content)
    with pytest.raises(SessionFileError, match="newer client") as caught:
        store.update(lambda book: book.logged_in(ALICE))
    assert "XDG_STATE_HOME" in caught.value.advice
    assert store.path.read_bytes() == content


def test_file_and_folder_are_the_owners_only(tmp_path: Path) -> None:
    store = SessionFile(tmp_path / "state" / "waybill")
    store.update(lambda book: book.logged_in(ALICE))
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    names = {path.name for path in store.path.parent.iterdir()}
    assert names == {"session.json", "session.lock"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    store = SessionFile(tmp_path)
    store.update(lambda book: book.logged_in(ALICE))
    store.path.chmod(mode)
    with pytest.raises(SessionFileError, match="others can read it") as caught:
        store.read()
    assert f"chmod 600 {store.path}" in caught.value.advice


def test_a_file_that_cannot_be_opened_is_explained(tmp_path: Path) -> None:
    store = SessionFile(tmp_path)
    store.path.mkdir()
    with pytest.raises(SessionFileError, match="cannot be read"):
        store.read()


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "waybill").write_text("a file where the folder belongs")
    with pytest.raises(SessionFileError, match="cannot be written"):
        SessionFile(tmp_path / "waybill" / "deeper").update(lambda book: book)


def test_no_file_means_nobody(tmp_path: Path) -> None:
    book = SessionFile(tmp_path / "none").read()
    assert book.of() is None
    assert not (tmp_path / "none").exists()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    store = SessionFile(tmp_path)
    store.update(lambda book: book.logged_in(ALICE))
    before = store.path.read_bytes()

    def fail(_: SessionBook) -> SessionBook:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.update(fail)
    assert store.path.read_bytes() == before


def test_updates_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    store = SessionFile(tmp_path)

    def log_in(number: int) -> None:
        session = Session(subject=f"user-{number}", token="t", expire_time=0)
        SessionFile(tmp_path).update(lambda book: book.logged_in(session))

    threads = [threading.Thread(target=log_in, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.read().sessions) == 8


def test_a_private_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    write_private(tmp_path / "big", "x" * 11)
    assert read_private(tmp_path / "big", max_bytes=11) == b"x" * 11
    with pytest.raises(ValueError, match="longer than 10"):
        read_private(tmp_path / "big", max_bytes=10)


def test_a_second_login_keeps_the_pages_of_both() -> None:
    strategy = Strategy.METADATA_JWT
    book = SessionBook().logged_in(ALICE)
    book = book.keeping("alice", strategy, [page("a")], complete=True)
    book = book.logged_in(Session(subject="root", token="t", expire_time=0))
    assert book.current == "root"
    book = book.logged_in(Session(subject="alice", token="new", expire_time=9))
    current = book.of()
    assert current is not None
    assert (current.token, current.kept(strategy)) == ("new", (page("a"),))


def test_keeping_for_somebody_unknown_changes_nothing() -> None:
    book = SessionBook().logged_in(ALICE)
    assert book.keeping("bob", Strategy.REPLICA, [page("a")], complete=True) is book


def test_a_complete_listing_replaces_and_a_partial_one_adds() -> None:
    strategy = Strategy.MESSAGE_FIELD
    first = ALICE.keeping(strategy, [page("a", "b")], complete=False)
    added = first.keeping(strategy, [page("c", revision=2)], complete=False)
    assert added.kept(strategy) == (page("a", "b"), page("c", revision=2))
    whole = added.keeping(strategy, [page("z", revision=2)], complete=True)
    assert whole.kept(strategy) == (page("z", revision=2),)
    assert whole.kept(Strategy.METADATA_JWT) == ()


def test_a_page_goes_once_all_of_its_products_are_listed_anew() -> None:
    strategy = Strategy.METADATA_JWT
    kept = ALICE.keeping(strategy, [page("a", "b", mark="old")], complete=False)
    kept = kept.keeping(strategy, [page("a")], complete=False)
    assert len(kept.kept(strategy)) == 2
    kept = kept.keeping(strategy, [page("b")], complete=False)
    assert kept.kept(strategy) == (page("a"), page("b"))


def test_pages_of_a_history_that_is_gone_do_not_win() -> None:
    strategy = Strategy.METADATA_JWT
    kept = ALICE.keeping(strategy, [page("a", revision=500)], complete=False)
    kept = kept.keeping(strategy, [page("b", revision=3)], complete=False)
    assert kept.kept(strategy) == (page("b", revision=3),)


def test_a_session_does_not_print_its_token() -> None:
    assert "secret-token" not in repr(SessionBook().logged_in(ALICE))
